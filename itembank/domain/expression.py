"""Arithmetic of item templates: exact, small and harmless.

`simpleeval` walks the expression, so nothing but the operators and functions named here can run. Numbers are fractions:
0.1 + 0.2 is 0.3, and a key never depends on the machine's rounding. Roots are taken to 40 digits.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from math import cos, floor, radians, sin
from typing import Any

from simpleeval import InvalidExpression, SimpleEval

from server.core.errors import InvalidInput

Value = Fraction | str
#: Digits of roots and logarithms.
_PRECISION = 40


def evaluate(expression: str, names: Mapping[str, Value]) -> Value:
    """The value of `expression`; `pi` is known besides `names`.

    Raises:
        InvalidInput: `EXPRESSION_INVALID`: unknown name or function, division by zero, not arithmetic.
    """
    evaluator = SimpleEval(functions=FUNCTIONS, names={"pi": PI, **names})
    evaluator.nodes[ast.Constant] = _constant
    try:
        result = evaluator.eval(expression)
    except (InvalidExpression, ArithmeticError, ValueError, TypeError, SyntaxError, KeyError) as problem:
        raise InvalidInput(
            "EXPRESSION_INVALID",
            f"表达式“{expression}”无法计算：{problem}。",
            f"The expression '{expression}' cannot be computed: {problem}.",
            expression=expression,
        ) from problem
    if isinstance(result, str | bool):
        return Fraction(result) if isinstance(result, bool) else result
    return Fraction(result)


def _constant(node: ast.Constant) -> Value:
    if isinstance(node.value, str):
        return node.value
    if isinstance(node.value, bool) or not isinstance(node.value, int | float):
        raise TypeError(f"{node.value!r} is not a number")
    return Fraction(str(node.value))


def _through_decimal(function: Callable[[Decimal], Decimal]) -> Callable[[Fraction], Fraction]:
    def apply(value: Fraction) -> Fraction:
        value = Fraction(value)
        with localcontext() as context:
            context.prec = _PRECISION
            return Fraction(function(Decimal(value.numerator) / Decimal(value.denominator)))

    return apply


def _whole(value: Fraction) -> int:
    value = Fraction(value)
    if value.denominator != 1:
        raise ValueError(f"{value} is not a whole number")
    return value.numerator


def _root(value: Decimal) -> Decimal:
    root = value.sqrt()
    nearest = root.to_integral_value()
    return nearest if nearest * nearest == value else root


def _bcd(value: Fraction) -> str:
    """8421 code, four binary digits for each decimal digit."""
    return " ".join(f"{int(digit):04b}" for digit in str(_whole(value)))


PI = Fraction("3.1415926535897932384626433832795028841972")

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": _through_decimal(_root),
    "log10": _through_decimal(Decimal.log10),
    "exp": _through_decimal(Decimal.exp),
    "floor": lambda value: Fraction(floor(value)),
    "ceil": lambda value: Fraction(-floor(-Fraction(value))),
    "abs": lambda value: abs(Fraction(value)),
    "min": min,
    "max": max,
    "mod": lambda a, b: Fraction(a) % Fraction(b),
    # twelve digits are far beyond any displayed result, and make sin(30) the 0.5 it is
    "sin_deg": lambda value: Fraction(str(round(sin(radians(value)), 12))),
    "cos_deg": lambda value: Fraction(str(round(cos(radians(value)), 12))),
    "binary": lambda value: f"{_whole(value):b}",
    "octal": lambda value: f"{_whole(value):o}",
    "hexadecimal": lambda value: f"{_whole(value):X}",
    "bcd": _bcd,
    "reversed": lambda text: str(text)[::-1],
    "number": lambda text, base: Fraction(int(str(text).replace(" ", ""), _whole(base))),
}


def show(value: Value, decimals: int = 2) -> str:
    """A value as an option prints it: rounded half up, no trailing zeros, a real minus sign is not used."""
    if isinstance(value, str):
        return value
    with localcontext() as context:
        context.prec = _PRECISION
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        rounded = exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
    text = f"{rounded:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
