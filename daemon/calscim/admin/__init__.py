"""The use cases of operators. These names edit directories, tokens, mappings, and pauses.

Every edit writes a row to the organization's journal (kind ``admin``, stream ``@<organization>``) in its own
transaction. The row never contains a secret. These functions do not call Cal.com: they get teams as ids and names.
"""

from calscim.admin.directories import (
    PROVIDERS,
    Directory,
    create_directory,
    delete_directory,
    directories,
    find_directory,
    only_directory,
    set_rate,
)
from calscim.admin.groups import PushedGroup, group_named, groups, members_of
from calscim.admin.mappings import (
    Draft,
    MappingEdits,
    MappingRow,
    TeamRef,
    add_mapping,
    change_mapping,
    draft,
    find_mapping,
    mappings,
    move_mapping,
    preview_mapping,
    remove_mapping,
)
from calscim.admin.pauses import Pause, Scope, pause, pauses, resume
from calscim.admin.tokens import (
    TOKEN_SCOPES,
    Token,
    TokenScope,
    create_events_token,
    create_token,
    find_token,
    revoke_token,
    rotate_token,
    token_to_rotate,
    tokens,
)
from calscim.journal.audit import Editor

__all__ = [
    "PROVIDERS",
    "TOKEN_SCOPES",
    "Directory",
    "Draft",
    "Editor",
    "MappingEdits",
    "MappingRow",
    "Pause",
    "PushedGroup",
    "Scope",
    "TeamRef",
    "Token",
    "TokenScope",
    "add_mapping",
    "change_mapping",
    "create_directory",
    "create_events_token",
    "create_token",
    "delete_directory",
    "directories",
    "draft",
    "find_directory",
    "find_mapping",
    "find_token",
    "group_named",
    "groups",
    "mappings",
    "members_of",
    "move_mapping",
    "only_directory",
    "pause",
    "pauses",
    "preview_mapping",
    "remove_mapping",
    "resume",
    "revoke_token",
    "rotate_token",
    "set_rate",
    "token_to_rotate",
    "tokens",
]
