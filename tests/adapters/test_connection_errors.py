"""What libpq, PgBouncer and Supavisor answer, as the sentence and the kind that it becomes."""

import datetime
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from socket import create_server
from threading import Thread

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from billing_cli.adapters.database.connection_errors import connection_error
from billing_cli.adapters.database.postgres import PostgresDatabase
from billing_cli.domain import errors

AT = 'connection failed: connection to server at "10.0.0.1", port 6543 failed: FATAL:  '


@pytest.mark.parametrize(
    ("words", "kind", "said"),
    [
        ("Tenant or user not found", errors.Misconfigured, "no such project or user: Tenant or user not found."),
        ("(ENOTFOUND) tenant/user postgres.x not found", errors.Misconfigured, "no such project or user"),
        ("MaxClientsInSessionMode: max clients reached - in Session mode", errors.Unavailable, "MaxClientsInSession"),
        ("(EMAXCONNSESSION) max clients reached in session mode", errors.Unavailable, "no free connection"),
        ("no more connections allowed (max_client_conn)", errors.Unavailable, "no free connection"),
        ("query_wait_timeout", errors.Unavailable, "no free connection: query_wait_timeout."),
        ("no such database: nope", errors.Misconfigured, "does not exist"),
        ("no such user: nope", errors.Misconfigured, "does not let this key or user in"),
        ("(ESSLREQUIRED) SSL connection is required", errors.Misconfigured, "The server requires TLS"),
        ("SSL required", errors.Misconfigured, "The server requires TLS"),
        ("unsupported startup parameter: search_path", errors.Misconfigured, "parameter: search_path."),
        ("unsupported startup parameter in options: x", errors.Misconfigured, "in options: x."),
    ],
)
def test_what_a_pooler_refuses_is_sorted(words: str, kind: type[errors.BillingError], said: str) -> None:
    error = connection_error(psycopg.OperationalError(AT + words), "postgresql://u:p@10.0.0.1:6543/x")
    assert type(error) is kind
    assert isinstance(error, errors.BillingError)
    assert said in error.message
    assert error.next_step


def refusal(url: str) -> errors.BillingError:
    with pytest.raises(errors.Misconfigured) as caught:
        PostgresDatabase(url).call("billing_batches_list_v1")
    assert "s3cret" not in caught.value.message + caught.value.next_step
    return caught.value


def test_a_parameter_of_another_client_is_named() -> None:
    error = refusal("postgresql://u:s3cret@127.0.0.1:1/x?pgbouncer=true")
    assert "pgbouncer is a parameter of another client" in error.message


def test_a_missing_root_certificate_is_called_that(tmp_path: Path, tls_port: int) -> None:
    url = f"postgresql://u:s3cret@localhost:{tls_port}/x?sslmode=verify-full&sslrootcert={tmp_path}/none.crt"
    assert "The file of root certificates does not exist" in refusal(url).message


def test_a_certificate_for_another_host_is_refused(tls_port: int, certificate: Path) -> None:
    url = f"postgresql://u:s3cret@localhost:{tls_port}/x?sslmode=verify-full&sslrootcert={certificate}"
    assert "certificate is for another host" in refusal(url).message


def test_a_server_without_tls_gets_no_password(db_url: str) -> None:
    error = refusal(f"{db_url}?sslmode=require")
    assert "The server offers no TLS" in error.message
    assert "SUPABASE_DB_WITHOUT_TLS=true" in error.next_step


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate and its key, for elsewhere.test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("elsewhere.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path = tmp_path / "server.crt"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_port(certificate: Path) -> Iterator[int]:
    """A server that takes Postgres' request for TLS, and shows the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("server.key"))
    server = create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                with suppress(OSError):
                    client.recv(8)
                    client.sendall(b"S")
                    context.wrap_socket(client, server_side=True).close()

    Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()
