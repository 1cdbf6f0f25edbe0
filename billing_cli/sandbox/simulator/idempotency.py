"""Idempotency keys: the first answer is kept for a day and given again, a 500 included."""

import hashlib

from billing_cli.sandbox.simulator.replies import Call, Refusal, Reply
from billing_cli.sandbox.simulator.state import State

KEPT_S = 24 * 3600
MAX_KEY_LENGTH = 255


def check_key(key: str) -> None:
    if len(key) > MAX_KEY_LENGTH:
        raise Refusal(400, f"Idempotency keys are at most {MAX_KEY_LENGTH} characters.", kind="idempotency_error")


def stored_reply(state: State, call: Call, key: str, fingerprint: str) -> Reply | None:
    answer = state.contents.answers.get(key)
    if answer is None or call.now_s - answer.at_s >= KEPT_S:
        return None
    if answer.fingerprint != fingerprint:
        raise Refusal(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used with.",
            kind="idempotency_error",
        )
    return Reply(answer.status, answer.body.encode(), {"Idempotent-Replayed": "true"})


def store_reply(state: State, call: Call, key: str, fingerprint: str, reply: Reply) -> None:
    state.commit(
        {
            "op": "answer",
            "key": key,
            "print": fingerprint,
            "status": reply.status,
            "body": reply.body.decode(),
            "at": call.now_s,
        }
    )


def fingerprint_of(call: Call, body: bytes) -> str:
    digest = hashlib.blake2b(f"{call.method} {call.path}\n".encode() + body, digest_size=12)
    return digest.hexdigest()
