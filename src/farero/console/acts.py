"""What a person can do from a page: each asks for a reason first, and is then one call of the same address that programs use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from farero.console.i18n import Words
from farero.core.rollout import Rollout
from farero.core.version import Move, Version, last_good

BY = "console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A button, what is asked when it is pressed, and the call that follows.

    Attributes:
        id: of the button on its page.
        label: on the button.
        title: the question.
        text: what will happen.
        yes: on the button that does it.
        url: of the call, a POST.
        body: its JSON; the reason is added as `because`.
        grave: it takes something out of service.
    """

    id: str
    label: str
    title: str
    text: str
    yes: str
    url: str
    body: str
    grave: bool = False


def rollback(model: str, versions: Sequence[Version], moves: Sequence[Move], words: Words) -> Act | None:
    """Put back the version that served before; None where there is none.

    The version is named in the call: whatever happens meanwhile, what was confirmed is what is done.

    Args:
        moves: of all versions, oldest first.
    """
    kept = {version.number for version in versions}
    served = [move.number for move in moves if move.target == "production"]
    present = next((version.number for version in versions if version.state == "production"), None)
    back = last_good(served, {number for number in served if number not in kept})
    if present is None or back is None:
        return None
    return _act(
        "rollback", f"/v1/models/{quote(model, safe='')}/rollback", {"to": back}, words, grave=True, present=present, back=back, model=model
    )


def of_rollout(rollout: Rollout, words: Words) -> tuple[Act, ...]:
    """What can be done about a version on its way: to stop it."""
    if not rollout.is_open:
        return ()
    url = f"/v1/models/{quote(rollout.model, safe='')}/rollouts/stop"
    return (_act("stop", url, {}, words, grave=True, model=rollout.model, number=rollout.number, against=rollout.against or "–"),)


def _act(id: str, url: str, body: Mapping[str, object], words: Words, *, grave: bool = False, **values: object) -> Act:
    def say(part: str) -> str:
        return words(f"act.{id}.{part}", **values)

    return Act(
        id=f"act-{id}", label=say("label"), title=say("title"), text=say("text"), yes=say("yes"), url=url,
        body=json.dumps({**body, "by": BY}), grave=grave,
    )  # fmt: skip
