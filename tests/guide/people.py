"""The cases about people in the organization."""

from tests.guide.play import Play, address, addresses

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


async def new_person(play: Play) -> None:
    """A new person

    Okta assigns ann to the application. She is in no group yet. An assignment is enough for membership of the
    organization.
    """
    await play.assign("ann")
    await play.calscim("plan")
    play.say(
        "The daemon does this by itself, right after the push. `calscim sync` asks the daemon for a full pass and waits:"
    )
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")


async def existing_account(play: Play) -> None:
    """A person who already has an account

    ann has an account in Cal.com, outside the organization. Okta assigns her. calscim attaches the account that she
    has and does not create a second one.
    """
    play.world.add_person(address("ann"), name="Ann Example", in_org=False)
    await play.assign("ann")
    await play.calscim("plan")
    play.say(
        "The plan cannot show an account outside the organization. Cal.com reports the account when the daemon tries the",
        "invitation. The daemon then attaches the account:",
    )
    await play.sync()
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")


async def attach_not_possible(play: Play) -> None:
    """A person who already has an account, where Cal.com cannot attach it

    A self-hosted Cal.com cannot attach an account by its address. calscim parks the action and says what an
    operator can do. All other changes continue.
    """
    play.world.build = "self-hosted 2025-12"
    play.world.add_person(address("ann"), name="Ann Example", in_org=False)
    await play.assign("ann", "bob")
    await play.sync()
    await play.calscim("parked list")
    await play.calscim("explain ann@acme.example")
    play.say(
        "An administrator invites ann in Cal.com, and she accepts. Nothing else is left to do:"
    )
    ann = play.world.user_id(address("ann"))
    play.world.join(ann, play.world.organization_id, "MEMBER", accepted=False)
    play.world.accept(address("ann"))
    await play.sync()
    await play.calscim("plan")


async def existing_member(play: Play) -> None:
    """A person who is already in the organization

    People who were in the organization before calscim appear in Okta's import. calscim does not change them until Okta
    writes to them.
    """
    play.world.add_person(address("ann"), name="Ann Example")
    await play.sync()
    await play.calscim("explain ann@acme.example")
    play.say(
        "Okta finds ann by her address and writes to her. That changes nothing in Cal.com. From now on, Okta decides whether she stays:"
    )
    await play.assign("ann")
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")


async def pending_invitation(play: Play) -> None:
    """An invitation that has not been accepted yet

    If Cal.com does not accept people of the organization's domain by itself, each person has to accept an invitation.
    Okta pushes ann in the group Sales, which is mapped to the team Sales.
    """
    play.world.auto_accept_domains = frozenset()
    play.world.add_person(address("ann"), name="Ann Example", in_org=False)
    await play.map("Sales", "managed")
    await play.assign("ann")
    await play.okta.push_group("Sales", addresses("ann"))
    await play.sync()
    await play.calscim("plan")
    play.say("ann was invited. Her team membership waits until she accepts:")
    await play.calscim("status")
    await play.calscim("explain ann@acme.example Sales")
    play.say("She accepts:")
    play.world.accept(address("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def created_inactive(play: Play) -> None:
    """A person who is created inactive

    Okta creates ann as inactive. calscim does not invite her until Okta activates her.
    """
    await play.okta.assign(address("ann"), "Ann", "Example", active=False)
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")
    play.say("Okta activates her:")
    await play.okta.reactivate(address("ann"))
    await play.calscim("plan")


async def deactivated(play: Play) -> None:
    """A person who is deactivated and activated again

    Okta deactivates ann. She loses the organization, and with it every team. Her account is not deleted.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Okta deactivates ann:")
    await play.okta.deactivate(address("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")
    play.say("Okta activates her again. She gets back the same account and all her teams:")
    await play.okta.reactivate(address("ann"))
    await play.calscim("plan")
    await play.sync()
    await play.calscim("plan")


async def reattached_by_id(play: Play) -> None:
    """A person who is activated again, where Cal.com attaches accounts only by id

    A self-hosted Cal.com of December 2025 keeps the account of a member who left. It refuses to create the account
    again, and attaches it only by its id, which calscim knows. calscim attaches the account as pending, because teams
    need the Profile that a person gets only by accepting.
    """
    play.world.build = "self-hosted 2025-12"
    await play.given("Sales", "managed", "ann", "bob")
    play.say("Okta deactivates ann and later activates her again:")
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


async def without_profile(play: Play) -> None:
    """A member without a Profile

    A program other than calscim attached ann's account to a self-hosted Cal.com as accepted. Cal.com lists her as a
    member, but she has no Profile: she cannot join a team, and there is no invitation left to accept. calscim finds such
    members and makes their membership pending. It does not change owners, the API key's own user, or protected people.
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
    """An account that was deleted in Cal.com

    ann's account is deleted in Cal.com, while Okta still has her. After three complete passes without the account, the
    daemon tries to attach it. Cal.com answers that there is no such account, and the daemon creates a new one.
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


async def several_entries(play: Play) -> None:
    """One address, two entries

    bob leaves, and Okta deactivates him. A new person gets his address and has an entry with another userName in the
    directory. `explain` shows all entries of an address, active ones first, and the account of each.
    """
    await play.given("Sales", "managed", "ann", "bob", "cem", "dan", "eve", "fay", "gus")
    play.say("Okta deactivates bob, and creates the new entry with his address:")
    await play.okta.deactivate(address("bob"))
    await play.sync()
    await _assign_also(play, "robert", "bob")
    await play.sync()
    await play.calscim("explain bob@acme.example")
    play.say(
        "ann gets a second entry while her first one is still active. Entries that share an account are one person: ann",
        "stays as long as one of them is active. Then Okta deactivates the first entry, which was in Sales:",
    )
    await _assign_also(play, "ann.lee", "ann")
    await play.sync()
    await play.okta.deactivate(address("ann"))
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def _assign_also(play: Play, name: str, owner: str) -> None:
    """Assign a second entry with an address that another entry already has."""
    await play.assign(name)
    emails = [{"value": address(owner), "primary": True, "type": "work"}]
    await play.okta.update_profile(address(name), emails=emails)


async def deleted(play: Play) -> None:
    """A person who is deleted

    Okta never deletes a user, but other providers do. calscim treats a deleted person like a deactivated one.
    """
    await play.given("Sales", "managed", "ann", "bob")
    play.say("The provider deletes ann:")
    await play.okta._call("DELETE", f"/Users/{play.okta.users[address('ann')]}")
    await play.calscim("plan")
    await play.sync()
    await play.calscim("explain ann@acme.example Sales")


async def new_address(play: Play) -> None:
    """A new e-mail address

    calscim links the user in the directory to the account in Cal.com by their ids. A new address therefore changes
    the account and does not create a second one.
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


async def exchanged_addresses(play: Play) -> None:
    """Two people who exchange their addresses

    In Cal.com, only one account can have an address. calscim therefore first gives one of the two accounts an interim
    address, made of its new address and its id. In a chain whose last address is free, the order of the changes is
    enough.
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
        "calscim never gives an interim address to a protected person, an owner, or the API key's own user. If an exchange",
        "has no other account that could take one, calscim says what to do and changes nothing. Now ann and bob are protected,",
        "and they exchange their addresses again:",
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


async def organization_role(play: Play) -> None:
    """A role in the organization

    `--team @organization` maps a group to a role in the organization itself. The role comes and goes with the group. A
    role that was given by hand stays.
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

    calscim copies values from the directory to attributes of Cal.com's organization. A table in the configuration says
    which.
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
    play.say("An administrator changes it in Cal.com:")
    play.world.set_attribute(address("ann"), "department", "Marketing")
    await play.calscim("plan")
    await play.calscim("explain ann@acme.example")
