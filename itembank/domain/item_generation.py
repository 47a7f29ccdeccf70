"""From templates to items: the same template file always gives the same items, in the same order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from itembank.domain.duplicates import identity_text
from itembank.domain.expression import Value, evaluate, show
from itembank.domain.generated_item import (
    GeneratedItem,
    bare,
    choice,
    dice_of,
    distinct,
    fault,
    fill,
    make_item,
    numbered,
)
from itembank.domain.item import ItemContent, ItemKind, true_false, validate
from itembank.domain.item_template import (
    CalculationTemplate,
    ClaimsTemplate,
    FactsTemplate,
    Template,
    WrittenItem,
)

#: Combinations of variables looked at before a template is told to be too narrow.
SEARCH_LIMIT = 4000
CHOICES = 4


def generate_items(templates: Iterable[Template]) -> list[GeneratedItem]:
    """All items of the templates, without repeats.

    Raises:
        InvalidInput: a template that contradicts itself: `KEY_NOT_PROVEN`, `TEMPLATE_TOO_NARROW`,
            `EXPRESSION_INVALID`, `GENERATED_ITEM_INVALID`.
    """
    made: list[GeneratedItem] = []
    seen: set[str] = set()
    for template in templates:
        for item in _generate(template):
            identity = identity_text(item.content)
            if identity in seen:
                continue
            problems = validate(item.content)
            if problems:
                raise fault("GENERATED_ITEM_INVALID", template.id, problems[0].message_zh, problems[0].message_en)
            seen.add(identity)
            made.append(item)
    return made


def _generate(template: Template) -> Iterator[GeneratedItem]:
    if isinstance(template, CalculationTemplate):
        return _from_calculation(template)
    if isinstance(template, FactsTemplate):
        return _from_facts(template)
    if isinstance(template, ClaimsTemplate):
        return _from_claims(template)
    return iter([_from_written(template)])


# --- Calculations -----------------------------------------------------------------------------------------------------


def _from_calculation(template: CalculationTemplate) -> Iterator[GeneratedItem]:
    dice = dice_of(template.id)
    made, stated = 0, 0
    wanted = template.count + (template.statement_count if template.statement else 0)
    keys: dict[str, int] = {}
    for names in _combinations(template, dice):
        if made + stated == wanted:
            return
        answer = show(_proven_key(template, names), template.decimals)
        wrong = _distractors(template, names, answer)
        # few repeats of one result: a candidate cannot learn it by heart
        if len(wrong) < CHOICES - 1 or keys.get(answer, 0) > wanted // 3:
            continue
        keys[answer] = keys.get(answer, 0) + 1
        shown = {name: show(value, 6) for name, value in names.items()}
        if made < template.count:
            made += 1
            content = choice(
                ItemKind.SINGLE,
                fill(template.id, template.stem, shown),
                [_with_unit(answer, template.unit)],
                [_with_unit(text, template.unit) for text in wrong[: CHOICES - 1]],
                dice,
                fill(template.id, template.explanation, {**shown, "answer": answer}),
            )
            number = made
        else:
            stated += 1
            is_right = stated % 2 == 1
            told = answer if is_right else wrong[0]
            statement = fill(template.id, template.statement, {**shown, "answer": _with_unit(told, template.unit)})
            content = true_false(statement, right=is_right, explanation=f"应为 {_with_unit(answer, template.unit)}。")
            number = template.count + stated
        yield make_item(template, f"{number:02d}", content, tuple(sorted(names.items())))
    raise fault(
        "TEMPLATE_TOO_NARROW",
        template.id,
        f"变量取值太少，只能生成 {made + stated} 道题，需要 {wanted} 道",
        f"the variables allow only {made + stated} items of {wanted}",
    )


def _combinations(template: CalculationTemplate, dice: random.Random) -> Iterator[dict[str, Value]]:
    domains = list(template.variables.items())
    size = 1
    for _, values in domains:
        size *= len(values)
    if size <= SEARCH_LIMIT:
        every = list(itertools.product(*(values for _, values in domains)))
        dice.shuffle(every)
    else:
        every = [tuple(dice.choice(values) for _, values in domains) for _ in range(SEARCH_LIMIT)]
    met: set[tuple[Value, ...]] = set()
    for values in every:
        if values in met:
            continue
        met.add(values)
        names = {name: value for (name, _), value in zip(domains, values, strict=True)}
        if all(_holds(constraint, names) for constraint in template.constraints):
            yield names


def _holds(constraint: str, names: dict[str, Value]) -> bool:
    return evaluate(f"1 if ({constraint}) else 0", names) == 1


def _proven_key(template: CalculationTemplate, names: dict[str, Value]) -> Value:
    key = evaluate(template.key, names)
    proof = evaluate(template.proof, names)
    if show(key, template.decimals) != show(proof, template.decimals):
        raise fault(
            "KEY_NOT_PROVEN",
            template.id,
            f"答案式得 {show(key, 6)}，验算式得 {show(proof, 6)}（{_told(names)}）",
            f"the key gives {show(key, 6)}, its proof {show(proof, 6)} ({_told(names)})",
        )
    return key


def _distractors(template: CalculationTemplate, names: dict[str, Value], answer: str) -> list[str]:
    wrong: list[str] = []
    for mistake in template.mistakes:
        value = evaluate(mistake.expression, names)
        text = show(value, template.decimals)
        if text in (answer, "0") or text in wrong or (isinstance(value, Fraction) and value <= 0):
            continue
        wrong.append(text)
    return wrong


def _with_unit(text: str, unit: str) -> str:
    return text + ("" if unit in ("", "%", "°") else " ") + unit


def _told(names: dict[str, Value]) -> str:
    return ", ".join(f"{name}={show(value, 6)}" for name, value in names.items())


# --- Facts ------------------------------------------------------------------------------------------------------------


def _from_facts(template: FactsTemplate) -> Iterator[GeneratedItem]:
    dice = dice_of(template.id)
    rows = list(template.rows)
    dice.shuffle(rows)
    yield from numbered(template, "s", itertools.islice(_fact_singles(template, rows, dice), template.counts["single"]))
    yield from numbered(
        template, "t", itertools.islice(_fact_statements(template, rows), template.counts["true_false"])
    )
    yield from numbered(
        template, "m", itertools.islice(_fact_multiples(template, rows, dice), template.counts["multiple"])
    )


def _fact_singles(
    template: FactsTemplate, rows: Sequence[tuple[str, str]], dice: random.Random
) -> Iterator[ItemContent]:
    """Forwards and backwards in turn, each row once before any row comes again."""
    directions = [each for each in (template.forward, template.backward) if each]
    for turn in range(len(directions)):
        for index, row in enumerate(rows):
            question = directions[(index + turn) % len(directions)]
            asked, told = (0, 1) if question == template.forward else (1, 0)
            if asked == 1 and sum(other[1] == row[1] for other in rows) > 1:
                continue  # several subjects share this value: the question would have several answers
            others = distinct(other[told] for other in rows if other[1] != row[1])
            if len(others) < CHOICES - 1:
                continue
            yield choice(
                ItemKind.SINGLE,
                fill(template.id, question, {"0": row[0], "1": row[1]}),
                [row[told]],
                dice.sample(others, CHOICES - 1),
                dice,
                _state(template, row[0], row[1]),
            )
    if template.member:
        for value in distinct(row[1] for row in rows):
            inside, outside = _by_value(rows, value)
            for subject in inside:
                if len(outside) >= CHOICES - 1:
                    stem = fill(template.id, template.member, {"1": value, "kind": "是"})
                    wrong = dice.sample(outside, CHOICES - 1)
                    yield choice(ItemKind.SINGLE, stem, [subject], wrong, dice, _state(template, subject, value))


def _fact_statements(template: FactsTemplate, rows: Sequence[tuple[str, str]]) -> Iterator[ItemContent]:
    """Right and wrong in turn; a wrong one borrows the value of the next row that differs."""
    start = len(template.id) % 2
    for index, (subject, value) in enumerate(rows):
        is_right = (index + start) % 2 == 0
        told = value if is_right else _borrowed(rows, index)
        yield true_false(
            _state(template, subject, told),
            right=is_right,
            explanation="" if is_right else _state(template, subject, value),
        )


def _fact_multiples(
    template: FactsTemplate, rows: Sequence[tuple[str, str]], dice: random.Random
) -> Iterator[ItemContent]:
    if template.member:
        for value in distinct(row[1] for row in rows):
            inside, outside = _by_value(rows, value)
            if len(inside) >= 2 and outside:
                right = dice.sample(inside, min(len(inside), 3))
                wrong = dice.sample(outside, min(len(outside), 5 - len(right) if len(right) == 3 else 2))
                stem = fill(template.id, template.member, {"1": value, "kind": "有"})
                if len(right) + len(wrong) >= CHOICES:
                    yield choice(ItemKind.MULTIPLE, stem, right, wrong, dice)
    for turn in itertools.count():
        if turn == len(rows):
            return
        picked = [(turn + step) % len(rows) for step in range(CHOICES)]
        right_count = 2 + turn % 2
        right = [_state(template, *rows[index]) for index in picked[:right_count]]
        wrong = [_state(template, rows[index][0], _borrowed(rows, index)) for index in picked[right_count:]]
        stem = f"下列关于{template.topic or '上述内容'}的说法中，正确的有（　）。"
        yield choice(ItemKind.MULTIPLE, stem, [bare(text) for text in right], [bare(text) for text in wrong], dice)


def _borrowed(rows: Sequence[tuple[str, str]], index: int) -> str:
    own = rows[index][1]
    ahead = itertools.chain(rows[index + 1 :], rows[:index])
    return next(value for _, value in ahead if value != own)


def _by_value(rows: Sequence[tuple[str, str]], value: str) -> tuple[list[str], list[str]]:
    return [row[0] for row in rows if row[1] == value], [row[0] for row in rows if row[1] != value]


def _state(template: FactsTemplate, subject: str, value: str) -> str:
    return fill(template.id, template.statement, {"0": subject, "1": value})


# --- Claims and items by hand -----------------------------------------------------------------------------------------


def _from_claims(template: ClaimsTemplate) -> Iterator[GeneratedItem]:
    dice = dice_of(template.id)
    right, wrong = list(template.right), list(template.wrong)
    dice.shuffle(right)
    dice.shuffle(wrong)
    yield from numbered(
        template, "s", itertools.islice(_claim_singles(template, right, wrong, dice), template.counts["single"])
    )
    yield from numbered(
        template, "t", itertools.islice(_claim_statements(template, right, wrong), template.counts["true_false"])
    )
    yield from numbered(
        template, "m", itertools.islice(_claim_multiples(template, right, wrong, dice), template.counts["multiple"])
    )


def _claim_singles(
    template: ClaimsTemplate, right: list[str], wrong: list[tuple[str, str]], dice: random.Random
) -> Iterator[ItemContent]:
    for index in range(max(len(right), len(wrong))):
        if index < len(right):
            chosen = [bare(claim) for claim, _ in dice.sample(wrong, CHOICES - 1)]
            stem = f"下列关于{template.topic}的说法中，正确的是（　）。"
            yield choice(ItemKind.SINGLE, stem, [bare(right[index])], chosen, dice)
        if index < len(wrong):
            claim, correction = wrong[index]
            chosen = [bare(each) for each in dice.sample(right, CHOICES - 1)]
            stem = f"下列关于{template.topic}的说法中，错误的是（　）。"
            yield choice(ItemKind.SINGLE, stem, [bare(claim)], chosen, dice, correction)


def _claim_statements(
    template: ClaimsTemplate, right: list[str], wrong: list[tuple[str, str]]
) -> Iterator[ItemContent]:
    start = len(template.id) % 2
    for index in range(2 * min(len(right), len(wrong))):
        if (index + start) % 2 == 0:
            yield true_false(right[-1 - index // 2], right=True)
        else:
            claim, correction = wrong[-1 - index // 2]
            yield true_false(claim, right=False, explanation=correction)


def _claim_multiples(
    template: ClaimsTemplate, right: list[str], wrong: list[tuple[str, str]], dice: random.Random
) -> Iterator[ItemContent]:
    for turn in range(4):
        right_count = min(2 + turn % 2, len(right))
        good = [bare(text) for text in (right[turn % len(right) :] + right)[:right_count]]
        bad = [bare(claim) for claim, _ in (wrong[turn % len(wrong) :] + wrong)[: CHOICES - right_count]]
        yield choice(ItemKind.MULTIPLE, f"下列关于{template.topic}的说法中，正确的有（　）。", good, bad, dice)


def _from_written(template: WrittenItem) -> GeneratedItem:
    if template.answer is not None:
        content = true_false(
            template.stem, right=template.answer, explanation=template.explanation, reference=template.reference
        )
    else:
        kind = ItemKind.MULTIPLE if template.is_multiple else ItemKind.SINGLE
        content = choice(
            kind,
            template.stem,
            template.right,
            template.wrong,
            dice_of(template.id),
            template.explanation,
            template.reference,
        )
    return make_item(template, "", content)
