"""A simulated candidate of the demonstration day: signs in, waits, works through the paper, hands in; over the real wire."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.rehearsal.candidate_pc import HEARTBEAT_S, CandidatePc, Observed, Stopped, TurnedAway
from server.rehearsal.history import Notebook

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """How this candidate behaves."""

    ticket_number: str
    pin: str
    #: seconds between two answers, on average
    pace_s: float
    #: hand in by oneself (else the time-out does it)
    submits: bool
    seed: int
    #: how likely this person knows an answer; what is not known is guessed
    ability: float = 0.0
    #: item reference → right option references; handed over outside the wire, for a demonstration's sake only
    knowledge: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)


class SimulatedCandidate(CandidatePc):
    """Runs in a thread of its own (a greenlet when patched); `run` returns when the exam is over for this candidate."""

    def __init__(
        self,
        addresses: str | Sequence[str],
        plan: Plan,
        history: Notebook,
        stop: threading.Event,
        *,
        begin_with: int = 0,
    ) -> None:
        super().__init__(addresses, plan.seed, history, stop, begin_with=begin_with)
        self.plan = plan

    def run(self) -> None:
        """The whole exam of one candidate."""
        try:
            self._enter(self.plan.ticket_number, self.plan.pin)
            paper = self._wait_for_the_start()
            if paper is not None:
                self._answer(paper)
                self._leave()
        except Stopped:
            log.debug("candidate %s was stopped", self.plan.ticket_number)
        except TurnedAway as refusal:
            self.seen.turned_away = str(refusal)
            log.warning("candidate %s was not let in: %s", self.plan.ticket_number, refusal)
        finally:
            self.switch_off()

    def _answer(self, paper: dict[str, Any]) -> None:
        items = [item for section in paper["sections"] for item in section["items"]]
        last_beat = time.monotonic()
        for item in self._order(items):
            self._make_entry(item)
            self._send_unsent()
            pause_until = time.monotonic() + self._random.uniform(0.4, 1.6) * self.plan.pace_s
            while time.monotonic() < pause_until:
                self._pause(min(0.25, max(0.01, pause_until - time.monotonic())))
                if time.monotonic() - last_beat > HEARTBEAT_S:
                    last_beat = time.monotonic()
                    self._heartbeat()
                    self._send_unsent()
            if self.seen.step == "ended" or self._remaining_s() < 1.5:
                return

    def _order(self, items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Through the paper, now and then back to change an answer."""
        for index, item in enumerate(items):
            yield item
            if index > 3 and self._random.random() < 0.12:
                yield items[self._random.randrange(index)]

    def _make_entry(self, item: dict[str, Any]) -> None:
        refs = [option["ref"] for option in item["options"]]
        if item["ref"] in self.plan.knowledge and self._random.random() < self.plan.ability:
            value = sorted(self.plan.knowledge[item["ref"]])
        elif item["kind"] == "multiple":
            value = sorted(self._random.sample(refs, self._random.randint(1, len(refs))))
        else:
            value = [self._random.choice(refs)]
        self._write_down(item["ref"], value, time.monotonic())

    def _leave(self) -> None:
        while self.seen.step != "ended":
            self._heartbeat()
            if self._send_unsent() and self.plan.submits and self.seen.step != "ended":
                answered = {"page_id": self._page_id, "answered": 0}
                state = self._post("/api/candidate/submit", answered)
                if state is not None and "step" in state:
                    self._learn(state)
                    continue
            self._pause(0.5)
        while self.seen.receipt is None:  # as the page does: the line used last may be one to a dead process
            state = self._get("/api/candidate/state")
            if state is not None:
                self._learn(state)
            else:
                self._pause(0.5)


__all__ = ["Observed", "Plan", "SimulatedCandidate"]
