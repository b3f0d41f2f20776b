"""The guide's chapter about people in the organization."""

from calscim.testing.calcom.calcom import Fault
from tests.guide.play import Play, address, addresses

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


async def invited(play: Play) -> None:
    """Somebody new

    Okta assigns ann to the application. She is in no group yet: being assigned is enough for the organization.
    """
    await play.assign("ann")
    await play.calscim("plan")
    play.say(
        "The daemon does this by itself, right after the push. `calscim sync` asks it for a full pass and waits:"
    )
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")


async def attached(play: Play) -> None:
    """Somebody who has an account already

    ann has an account of her own at Cal.com, outside the organization, and Okta assigns her. Nobody gets a second
    account: hers is attached.
    """
    play.world.add_person(address("ann"), name="Ann Example", in_org=False)
    await play.assign("ann")
    await play.calscim("plan")
    play.say(
        "The plan cannot know of an account outside the organization. Cal.com says so when the invitation is tried, and",
        "the daemon then attaches the account instead:",
    )
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")


async def there(play: Play) -> None:
    """Somebody who is in the organization already

    Who is in the organization before calscim comes is shown to Okta's import, and left alone until Okta writes to them.
    """
    play.world.add_person(address("ann"), name="Ann Example")
    await play.sync()
    await play.calscim("explain ann@acme.example")
    play.say(
        "Okta finds ann by her address and takes her over, which changes nothing in Cal.com; from now on it decides whether she stays:"
    )
    await play.assign("ann")
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")


async def refused(play: Play) -> None:
    """The same where Cal.com does not allow it

    A self-hosted Cal.com has no way to attach an account by its address. The action is parked, with what a person
    can do about it; everybody else goes on.
    """
    play.world.build = "self-hosted 2025-12"
    play.world.add_person(address("ann"), name="Ann Example", in_org=False)
    await play.assign("ann", "bob")
    await play.sync()
    await play.calscim("parked list")
    await play.calscim("explain ann@acme.example")
    play.say("Somebody invites ann in Cal.com, and she accepts. Nothing else is to be done:")
    ann = play.world.user_id(address("ann"))
    play.world.join(ann, play.world.organization_id, "MEMBER", accepted=False)
    play.world.accept(address("ann"))
    await play.sync()
    await play.calscim("plan")


async def pending(play: Play) -> None:
    """An invitation that has not been accepted yet

    Where Cal.com does not accept people of the organization's domain by itself, they have to follow an invitation.
    Okta pushes ann in the group Sales, which is mapped to the team Sales.
    """
    play.world.auto_accept_domains = frozenset()
    play.world.add_person(address("ann"), name="Ann Example", in_org=False)
    await play.map("Sales", "managed")
    await play.assign("ann")
    await play.okta.push_group("Sales", addresses("ann"))
    await play.sync()
    await play.calscim("plan")
    play.say("She was invited, and the team waits for her:")
    await play.calscim("status")
    await play.calscim("explain ann@acme.example Sales")
    play.say("She accepts:")
    play.world.accept(address("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def inactive(play: Play) -> None:
    """Created inactive

    Okta creates ann as inactive. She is not invited before she is activated.
    """
    await play.okta.assign(address("ann"), "Ann", "Example", active=False)
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")
    play.say("Okta activates her:")
    await play.okta.reactivate(address("ann"))
    await play.calscim("plan")


async def deactivated(play: Play) -> None:
    """Deactivated, and back again

    Okta deactivates ann. She loses the organization and every team with it; her account is not deleted.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Okta deactivates ann:")
    await play.okta.deactivate(address("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")
    play.say("Okta activates her again. She gets the same account, and all of her teams:")
    await play.okta.reactivate(address("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("plan")


async def reactivated_by_number(play: Play) -> None:
    """Back again where Cal.com attaches accounts by number only

    A self-hosted Cal.com of December 2025 keeps the account of a member who left, refuses to create it again, and
    attaches it by its number. calscim knows the number. It attaches the account as pending: only by accepting does
    the person get the Profile that teams ask for.
    """
    play.world.build = "self-hosted 2025-12"
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Okta deactivates ann, and activates her again later:")
    await play.okta.deactivate(address("ann"))
    await play.sync()
    await play.okta.reactivate(address("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("status")
    await play.calscim("explain ann@acme.example Sales")
    play.say("ann accepts the invitation in Cal.com:")
    play.world.accept(address("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("plan")


async def half_member(play: Play) -> None:
    """A member without a Profile

    Something other than calscim attached ann's account to a self-hosted Cal.com as accepted. Cal.com then lists her as
    a member, but she has no Profile: no team takes her, and there is no invitation left to accept. calscim finds such
    half-members and makes their membership pending. Owners, the key's own user, and protected people are left alone.
    """
    play.world.build = "self-hosted 2025-12"
    play.world.add_person(address("ann"), name="Ann Example", profile=False)
    await play.map("Sales", "managed")
    await play.assign("ann")
    await play.okta.push_group("Sales", addresses("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")
    play.say("ann accepts the invitation in Cal.com:")
    play.world.accept(address("ann"))
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def account_deleted(play: Play) -> None:
    """The account was deleted in Cal.com

    ann's account is deleted in Cal.com, while Okta still has her. After three complete passes without the account the
    daemon tries to attach it. Cal.com answers that there is no such account, and the daemon creates another.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("An administrator of Cal.com deletes ann's account:")
    play.world.delete_account_of(address("ann"))
    await play.sync()
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")
    await play.sync()
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def deleted(play: Play) -> None:
    """Deleted

    Okta never deletes a user, other providers do. The person leaves as one who was deactivated does.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("The provider deletes ann:")
    await play.okta._call("DELETE", f"/Users/{play.okta.users[address('ann')]}")
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def renamed(play: Play) -> None:
    """Another e-mail address

    The user in the directory and the account at Cal.com are linked by their ids, once. So another address changes
    the account, and makes no second one.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("ann marries, and Okta changes her user name and her address:")
    new = address("ann.lee")
    await play.okta.update_profile(
        address("ann"), userName=new, emails=[{"value": new, "primary": True, "type": "work"}]
    )
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann.lee@acme.example Sales")


async def exchanged(play: Play) -> None:
    """Two people exchange their addresses

    Cal.com gives an address to one account only. So one of the two accounts goes to an interim address first, made of
    its new address and its number. In a chain, where the last address is free, the order is enough.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Okta gives ann's address to bob, and bob's to ann:")
    for before, after in (("ann", "passing"), ("bob", "ann"), ("passing", "bob")):
        new = address(after)
        await play.okta.update_profile(
            address(before),
            userName=new,
            emails=[{"value": new, "primary": True, "type": "work"}],
        )
    await play.calscim("plan")
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example Sales")
    play.say(
        "A protected person, an owner, and the key's own user never go to an interim address. Where nobody else takes part",
        "in an exchange, calscim says what to do and changes nothing. ann and bob are protected now, and exchange their",
        "addresses again:",
    )
    play.configure("", organization='protected = ["ann@acme.example", "bob@acme.example"]')
    for before, after in (("ann", "passing"), ("bob", "ann"), ("passing", "bob")):
        new = address(after)
        await play.okta.update_profile(
            address(before),
            userName=new,
            emails=[{"value": new, "primary": True, "type": "work"}],
        )
    await play.calscim("plan")
    await play.sync()


async def office(play: Play) -> None:
    """A role in the organization

    `--team @organization` maps a group to a role in the organization itself. It comes and goes with the group; a
    role that somebody gave by hand stays.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Okta pushes ann in the group IT admins:")
    await play.okta.push_group("IT admins", addresses("ann"))
    await play.calscim(
        'mapping add --group "IT admins" --team @organization --role ADMIN --mode managed',
        quiet=True,
    )
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example")
    play.say("ann leaves the group:")
    await play.okta.remove_members("IT admins", addresses("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("plan")


async def attributes(play: Play) -> None:
    """Attributes

    What the directory says of people goes into attributes of Cal.com's organization, as a table in the
    configuration declares it.
    """
    play.world.add_attribute("department", "SINGLE_SELECT", ("Sales", "Marketing"))
    play.configure(
        "",
        organization=f'[[organization.attributes]]\nfrom = "{ENTERPRISE}:department"\nto = "department"',
    )
    await play.assign("ann")
    await play.sync()
    play.say("Okta sends ann's department:")
    await play.okta.update_profile(address("ann"), **{ENTERPRISE: {"department": "Sales"}})
    await play.calscim("plan")
    await play.sync()
    play.say("Somebody changes it in Cal.com:")
    play.world.set_attribute(address("ann"), "department", "Marketing")
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")


async def several_entries(play: Play) -> None:
    """One address, two entries

    bob leaves, and Okta deactivates him. His address is given to a new person, for whom the directory has an entry with
    another userName. `explain` shows all entries of an address, active ones first, and which account each stands for.
    """
    await play.given("Sales", "managed", "ann", "bob", "cem", "dan", "eve", "fay", "gus")
    play.say("Okta deactivates bob, and creates the new entry with his address:")
    await play.okta.deactivate(address("bob"))
    await play.sync()
    await _assign_also(play, "robert", "bob")
    await play.sync()
    await play.calscim("explain bob@acme.example")
    play.say(
        "ann is entered a second time while her first entry is still active. Entries that share an account are one",
        "person: ann stays as long as one of them is active. Then Okta deactivates the first entry, which was in Sales:",
    )
    await _assign_also(play, "ann.lee", "ann")
    await play.sync()
    await play.okta.deactivate(address("ann"))
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def _assign_also(play: Play, name: str, owner: str) -> None:
    """Another entry, with an address that an entry has already."""
    await play.assign(name)
    emails = [{"value": address(owner), "primary": True, "type": "work"}]
    await play.okta.update_profile(address(name), emails=emails)


async def failing(play: Play) -> None:
    """Cal.com fails for one person

    A change that does not succeed is parked with its reason, and tried again after a minute, then in growing steps.
    It stops nobody else.
    """
    await play.map("Sales", "managed")
    await play.assign("ann", "bob", "cem")
    await play.okta.push_group("Sales", addresses("ann", "bob", "cem"))
    play.simulation.faults = [Fault(method="POST", path="/users", status=500)]
    play.say("ann, bob and cem are pushed. Cal.com answers the first invitation with an error:")
    await play.sync()
    await play.calscim("status")
    await play.calscim("parked list")
    await play.calscim("explain ann@acme.example Sales")
    play.say("To try now rather than in a minute:")
    await play.calscim("parked retry")
    await play.sync()
    await play.calscim("plan")
