"""What an administrator does at each identity provider after a directory is created. docs/start has the details."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderStep:
    """A screen of the identity provider, and the values of its fields."""

    text: str
    fields: tuple[tuple[str, str], ...] = ()


_BASE_URL = "the base URL"
_CREDENTIAL = "the token"
_ANY = (
    ProviderStep(
        "Connect the identity provider",
        (
            ("base URL, tenant URL, or SCIM endpoint", _BASE_URL),
            ("secret token, bearer token, or API key", _CREDENTIAL),
        ),
    ),
    ProviderStep("Assign people, push groups"),
)
_STEPS: dict[str, tuple[ProviderStep, ...]] = {
    "okta-scim-v2": (
        ProviderStep("Okta, your app, General, App Settings, Edit", (("Provisioning", "SCIM"),)),
        ProviderStep(
            "Provisioning, Integration, Edit; then Test Connector Configuration and Save",
            (
                ("SCIM connector base URL", _BASE_URL),
                ("Unique identifier field for users", "email"),
                ("Supported provisioning actions", "all but Import Groups"),
                ("Authentication Mode", "HTTP Header"),
                ("Authorization", _CREDENTIAL),
            ),
        ),
        ProviderStep(
            "Provisioning, To App, Edit: enable Create Users, Update User Attributes, Deactivate Users"
        ),
        ProviderStep(
            "Attribute Mappings: userName, givenName, familyName, email, displayName are mapped"
        ),
        ProviderStep("Assignments: assign people, for example with one group for all of them"),
        ProviderStep("Push Groups: push the groups that you map to teams; they assign no people"),
    ),
    "azure-scim-v2": (
        ProviderStep(
            "Entra ID, your application, Provisioning, New configuration; then Test Connection and Create",
            (("Tenant URL", f"{_BASE_URL}, with ?aadOptscim062020 at its end"), ("Secret Token", _CREDENTIAL)),
        ),
        ProviderStep(
            "Attribute mapping, users",
            (("externalId", "objectId"), ('emails[type eq "work"].value', "mail")),
        ),
        ProviderStep("Users and groups: assign the groups that you map to teams"),
        ProviderStep("Provision on demand: try one person; then Overview, Start provisioning"),
    ),
    "onelogin-scim-v2": (
        ProviderStep(
            "OneLogin, your app, Configuration; then Enable and Save",
            (("SCIM Base URL", _BASE_URL), ("SCIM Bearer Token", _CREDENTIAL)),
        ),
        ProviderStep("Provisioning: Enable provisioning, without admin approval"),
        ProviderStep("Parameters, Groups: Include in User Provisioning; Rules: Set Groups from roles"),
        ProviderStep("Roles: add the app to the roles whose people get an account"),
    ),
    "jumpcloud-scim-v2": (
        ProviderStep("Pause the directory until step 3: JumpCloud's test creates and deletes a person"),
        ProviderStep(
            "JumpCloud, your application, Identity Management; then Test Connection and Activate",
            (
                ("Base URL", _BASE_URL),
                ("Token Key", _CREDENTIAL),
                ("Test User Email", "an address that no person has"),
                ("Enable management of User Groups", "on"),
            ),
        ),
        ProviderStep("Resume the directory; User Groups: select the groups that you map to teams"),
    ),
}  # fmt: skip


def provider_steps(provider: str) -> tuple[ProviderStep, ...]:
    """Return the steps at the provider, in order."""
    return _STEPS.get(provider, _ANY)
