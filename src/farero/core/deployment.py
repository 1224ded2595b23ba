"""The deployment document of a version: what serves, how it came to, what watches it, and how to take it back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from farero.core.approval import Approval
from farero.core.document import Block, Document, Facts, Heading, Items, Plain, Table, figure, moment
from farero.core.endpoint import Endpoint
from farero.core.gate import GateRule, Verdict
from farero.core.policy import PolicyRule
from farero.core.rollout import Rollout, RolloutRule
from farero.core.run_report import moves_table
from farero.core.schema import Field
from farero.core.version import Move, Version, last_good
from farero.core.window import duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Everything that a deployment document tells.

    Attributes:
        served: numbers in the order in which they went into production.
        rollouts: of this version, newest first.
        watching: what is watched, in words.
        channels: where messages go, with the least severity that each gets.
        settings: those of farero.toml that decide how it serves, by name.
    """

    version: Version
    made_at: datetime
    farero_version: str
    engine: str
    engine_detail: str
    fields: tuple[Field, ...]
    key: str | None
    endpoints: tuple[Endpoint, ...]
    moves: tuple[Move, ...]
    served: tuple[str, ...]
    approvals: tuple[Approval, ...]
    rollouts: tuple[Rollout, ...]
    verdict: Verdict | None
    policy: PolicyRule
    gate: GateRule
    rollout_rule: RolloutRule | None
    watching: tuple[str, ...]
    channels: Mapping[str, str]
    settings: Mapping[str, str]


def deployment_document(found: Deployment) -> Document:
    """The document."""
    version = found.version
    return Document(
        title=f"Deployment: {version.model} {version.number}",
        under=f"{version.state.capitalize()}. Written from the record at {moment(found.made_at)} by Farero {found.farero_version}.",
        blocks=(*_serves(found), *_came(found), *_asked(found), *_watched(found), *_back(found)),
    )


def _serves(found: Deployment) -> list[Block]:
    version = found.version
    facts = [
        ("version", f"{version.model} {version.number}, {version.state}"),
        ("files", f"{version.size_bytes:,} bytes, SHA-256 {version.digest}; every file is verified when it is loaded"),
        ("engine", f"{found.engine}: {found.engine_detail}" if found.engine_detail else found.engine),
        ("commit", version.git_commit or "not under git"),
        ("libraries", ", ".join(f"{name} {number}" for name, number in sorted(version.environment.items()))),
        *((name, value) for name, value in found.settings.items()),
    ]  # fmt: skip
    routes = [
        (each.name, ", ".join(f"{route.called} {route.share:g} %" for route in each.routes) or "the version in production",
         ", ".join(each.shadow) or "–", "by key" if each.sticky else "no")
        for each in found.endpoints
    ]  # fmt: skip
    return [
        Heading(text="What serves"), Facts(facts=tuple(facts)),
        Table(heads=("endpoint", "answers", "in shadow", "sticky"), rows=tuple(routes)),
    ]  # fmt: skip


def _came(found: Deployment) -> list[Block]:
    blocks: list[Block] = [Heading(text="How it came to serve")]
    if found.verdict is not None:
        word = "Accepted" if found.verdict.accepted else "Rejected"
        told = f"{word} against {found.verdict.against or 'nothing'} on {found.verdict.rows:,} held-out rows."
        blocks += [Plain(text=told), Items(items=found.verdict.because)]
    blocks.append(moves_table(found.moves))
    for rollout in found.rollouts:
        told = f"Rollout {rollout.id}, begun {moment(rollout.started)} by {rollout.by}: {rollout.status}, because {rollout.because}."
        blocks.append(Plain(text=told))
    if found.approvals:
        rows = tuple((moment(one.at), one.by, one.role, "approved" if one.approved else "refused", one.because) for one in found.approvals)
        blocks.append(Table(heads=("when", "who", "role", "said", "because"), rows=rows))
    return blocks


def _asked(found: Deployment) -> list[Block]:
    rows = tuple(
        (field.name, field.kind, field.unit or "", "may be missing" if field.missing else "must be there",
         ", ".join(field.levels) or " to ".join("…" if end is None else f"{end:g}" for end in (field.min, field.max)))
        for field in found.fields
    )  # fmt: skip
    key = [Plain(text=f"The entity's key is {found.key}.")] if found.key else []
    return [
        Heading(text="What it is asked with"), Plain(text=f"Schema {found.version.schema_digest}. A row that does not fit is refused."),
        Table(heads=("field", "kind", "unit", "", "values"), rows=rows), *key,
    ]  # fmt: skip


def _watched(found: Deployment) -> list[Block]:
    policy, gate, rule = found.policy, found.gate, found.rollout_rule
    renewed = f"Retrained by the policy {policy.name} ({policy.trigger}), at most once in {_duration(policy)}"
    renewed += f", on at least {policy.min_rows} new rows."
    gains = f"A candidate must gain {figure(float(gate.gain))} on {gate.metric} over production, on at least {gate.min_rows} held-out rows."
    steps = ", ".join(f"{share:g} %" for share in rule.steps) if rule else ""
    people = f"; {rule.approval.approvals} must approve" if rule and rule.approval.approvals else ""
    rollout = f"It goes to production {f'by a canary of {steps}' if steps else 'at once'}{people}."
    told = [f"{name}: messages of severity {least} and above" for name, least in found.channels.items()]
    return [
        Heading(text="What watches it"), Items(items=found.watching),
        Heading(text="What renews it"), Items(items=(renewed, gains, rollout)),
        Heading(text="Who is told"), Items(items=tuple(told) or ("nobody: farero.toml names no channel",)),
    ]  # fmt: skip


def _duration(policy: PolicyRule) -> str:
    return duration_text(policy.cooldown) if policy.cooldown else "a window"


def _back(found: Deployment) -> list[Block]:
    before = last_good(list(found.served)) if found.served and found.served[-1] == found.version.number else None
    told = f"To put {before} back: farero rollback --because TEXT." if before else "There is no earlier version to go back to."
    if found.version.state != "production":
        told = f"It is not in production. To put it there: farero promote {found.version.number} --because TEXT."
    stop = "To stop all moves of the model meanwhile: farero freeze --because TEXT."
    return [Heading(text="How to take it back"), Items(items=(told, stop, "Files of every version stay until somebody deletes it."))]
