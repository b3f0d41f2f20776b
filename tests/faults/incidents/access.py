"""The incidents in which Okta's token or the daemon's certificate has expired."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.faults.incidents.incident import Incident


async def expired_token(incident: Incident) -> None:
    """The token of Okta has expired

    The only token of a directory has expired. Okta's requests get 401, and nothing reaches calscim.
    """
    await incident.start("ann")
    await incident.as_owner("UPDATE calscim.tokens SET expires_at = now() - interval '1 minute'")
    await incident.push_in_vain("bob")

    await incident.message("token.expiring")
    await incident.alerts("CalscimNoValidToken", "CalscimTokenRefused")
    await incident.status("no valid token")
    incident.say(
        "The operator creates another token and pastes it into Okta. No message says that the incident is over:"
    )
    await incident.new_token()
    await incident.status("active")
    await incident.ends_with("bob")


async def expired_certificate(incident: Incident) -> None:
    """The certificate of the daemon has expired

    The daemon serves HTTPS by itself, and its certificate was not renewed in time. Okta refuses to connect.
    """
    write_certificate(incident, days=-1)
    incident.configure(
        {"[scim]": '[scim]\ntls_certificate_file = "tls.crt"\ntls_key_file = "tls.key"'}
    )
    await incident.start()

    await incident.message("certificate.expiring")
    await incident.alerts("CalscimCertificateExpired", "CalscimCertificateExpires")
    incident.say(
        "The operator renews the certificate and types `systemctl reload calscim`. No message says that the incident is over:"
    )
    write_certificate(incident, days=90)
    incident.reload()
    await incident.alerts()


def write_certificate(incident: Incident, days: int) -> None:
    """Write a self-signed certificate that ends in so many days, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "calscim.acme.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    folder = incident.site.folder
    (folder / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
