"""What the figures of an item mean, in plain words. A flag asks somebody to look; it decides nothing.

Thresholds: assembly-and-scoring reference 3 (Ebel & Frisbie for D, Haladyna for distractors).
"""

from __future__ import annotations

from dataclasses import dataclass

from scoring.domain.statistics.classical import ItemStatistics
from scoring.domain.statistics.distractors import NO_ANSWER, OptionStatistics

TOO_HARD, TOO_EASY = 0.2, 0.95
WEAK_D = 0.2
WEAK_KEY_R = 0.1
DEAD_DISTRACTOR = 0.02
OFTEN_OMITTED, OFTEN_NOT_REACHED = 0.1, 0.1
#: how many standard errors (1/√n) a correlation must lie beyond its bound, so that small groups do not cry wolf
SURE = 1.645
TO_SHOW = 30


@dataclass(frozen=True)
class Flag:
    """`option` names the option the flag is about, if any."""

    code: str
    words_zh: str
    words_en: str
    option: str | None = None


def flag_item(item: ItemStatistics) -> tuple[Flag, ...]:
    """Flags of one item, the gravest first; none below 30 answers."""
    if item.n < TO_SHOW or item.p is None:
        return ()
    flags: list[Flag] = []
    margin = SURE / item.n**0.5
    keys = [option for option in item.options if option.is_key]
    wrong = [option for option in item.options if not option.is_key and option.option != NO_ANSWER]
    if len(keys) == 1:
        flags += _suspected_key(keys[0], wrong, margin)
    elif len(keys) > 1:
        flags += _suspected_key_of_several(keys, wrong, margin)
    if not flags and item.item_rest_r is not None and item.item_rest_r < -margin:
        flags.append(
            Flag(
                "NEGATIVE_DISCRIMINATION",
                f"得分高的考生反而更容易答错（r = {item.item_rest_r:.2f}）：请核对答案与题意。",
                f"Strong candidates do worse (r = {item.item_rest_r:.2f}): check the key and the wording.",
            )
        )
    elif item.item_rest_r is not None and item.item_rest_r < WEAK_KEY_R and not flags:
        flags.append(
            Flag(
                "WEAK_KEY",
                f"与其余题目的相关只有 {item.item_rest_r:.2f}：几乎不能区分水平。",
                f"Correlation with the other items is only {item.item_rest_r:.2f}: it hardly tells levels apart.",
            )
        )
    if item.p < TOO_HARD:
        flags.append(Flag("TOO_HARD", f"太难：得分率 {item.p:.2f}。", f"Too hard: p = {item.p:.2f}."))
    if item.p > TOO_EASY:
        flags.append(Flag("TOO_EASY", f"太易：得分率 {item.p:.2f}。", f"Too easy: p = {item.p:.2f}."))
    elif item.d27_shared is not None and item.d27_shared < WEAK_D:
        flags.append(
            Flag(
                "WEAK_D",
                f"高低分组之差只有 {item.d27_shared:.2f}（低于 {WEAK_D}）。",
                f"Upper and lower group differ by {item.d27_shared:.2f} only (below {WEAK_D}).",
            )
        )
    for option in wrong:
        flags += _distractor(option, margin)
    flags += _empty_cells(item)
    return tuple(flags)


def _suspected_key(key: OptionStatistics, wrong: list[OptionStatistics], margin: float) -> list[Flag]:
    key_r = key.point_biserial_rest
    if key_r is None:
        return []
    rivals = [
        option
        for option in wrong
        if option.point_biserial_rest is not None
        and option.point_biserial_rest > max(key_r, 0.0) + margin
        and option.prop >= DEAD_DISTRACTOR
    ]
    if not rivals:
        return []
    best = max(rivals, key=lambda option: option.point_biserial_rest or 0.0)
    return [
        Flag(
            "WRONG_KEY_SUSPECTED",
            f"答案可能有误：选 {best.option} 的考生水平更高（r {best.point_biserial_rest:.2f}，答案 {key.option} 为"
            f" {key_r:.2f}），请核对答案。",
            f"Wrong key suspected: those who chose {best.option} are stronger (r {best.point_biserial_rest:.2f}, key"
            f" {key.option} {key_r:.2f}). Check the key.",
            best.option,
        )
    ]


def _suspected_key_of_several(keys: list[OptionStatistics], wrong: list[OptionStatistics], margin: float) -> list[Flag]:
    flags = [
        Flag(
            "WRONG_KEY_SUSPECTED",
            f"答案可能多列了 {option.option}：选它的考生水平更低（r {option.point_biserial_rest:.2f}）。",
            f"{option.option} may not belong to the key: those who chose it are weaker"
            f" (r {option.point_biserial_rest:.2f}).",
            option.option,
        )
        for option in keys
        if option.point_biserial_rest is not None and option.point_biserial_rest < -margin
    ]
    flags += [
        Flag(
            "WRONG_KEY_SUSPECTED",
            f"答案可能漏列了 {option.option}：选它的考生水平更高（r {option.point_biserial_rest:.2f}）。",
            f"{option.option} may belong to the key: those who chose it are stronger"
            f" (r {option.point_biserial_rest:.2f}).",
            option.option,
        )
        for option in wrong
        if option.point_biserial_rest is not None
        and option.point_biserial_rest > WEAK_KEY_R + margin
        and option.prop >= DEAD_DISTRACTOR
    ]
    return flags


def _distractor(option: OptionStatistics, margin: float) -> list[Flag]:
    if option.prop < DEAD_DISTRACTOR:
        return [
            Flag(
                "DEAD_DISTRACTOR",
                f"干扰项 {option.option} 几乎无人选（{option.prop:.1%}）。",
                f"Distractor {option.option} is hardly chosen ({option.prop:.1%}).",
                option.option,
            )
        ]
    if option.point_biserial_rest is not None and option.point_biserial_rest > margin:
        return [
            Flag(
                "DISTRACTOR_ATTRACTS_STRONG",
                f"干扰项 {option.option} 吸引了水平较高的考生（r {option.point_biserial_rest:.2f}）。",
                f"Distractor {option.option} attracts strong candidates (r {option.point_biserial_rest:.2f}).",
                option.option,
            )
        ]
    return []


def _empty_cells(item: ItemStatistics) -> list[Flag]:
    flags = []
    if item.omitted is not None and item.omitted > OFTEN_OMITTED:
        flags.append(
            Flag("OFTEN_OMITTED", f"{item.omitted:.0%} 的考生未作答。", f"{item.omitted:.0%} left it unanswered.")
        )
    if item.not_reached is not None and item.not_reached > OFTEN_NOT_REACHED:
        flags.append(
            Flag(
                "OFTEN_NOT_REACHED",
                f"{item.not_reached:.0%} 的考生没有做到这里：时间可能不够。",
                f"{item.not_reached:.0%} did not get this far: time may be short.",
            )
        )
    return flags
