// Sends meter events with stripe-node, so many in flight: node stripe_node.mjs URL EVENTS IN_FLIGHT.
import Stripe from "stripe";

const [url, events, inFlight] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const stripe = new Stripe("sk_test_benchmark", { host: hostname, port, protocol: "http", maxNetworkRetries: 0 });
let next = 0;

async function send() {
  while (next < Number(events)) {
    const number = next++;
    await stripe.billing.meterEvents.create({
      event_name: "api_calls",
      identifier: crypto.randomUUID(),
      payload: { stripe_customer_id: `cus_bench_${number}`, value: "1" },
    });
  }
}

const startedAt = performance.now();
await Promise.all(Array.from({ length: Number(inFlight) }, send));
const cpu = process.cpuUsage();
console.log(JSON.stringify({ wall_s: (performance.now() - startedAt) / 1000, cpu_s: (cpu.user + cpu.system) / 1e6 }));
