"""Made-up people for the demonstration: names, ID numbers with a right check digit, organisations. Nobody real."""

from __future__ import annotations

import csv
import io
import random
from datetime import date, timedelta

SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰建国志红梅晓峰雪宁波辉晨欣怡子轩浩然思雨佳琪"
RARE_NAMES = ("𠮷野一郎", "阿卜杜拉·买买提", "欧阳䶮", "喆昇")
ORGANISATIONS = ("第一机械厂", "城北供电所", "电气 2401 班", "电气 2402 班", "机电 2401 班", "地铁维修中心")
#: an area code that was withdrawn long ago: nobody's number
AREA = "320104"
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ROSTER_HEADER = ("姓名", "证件类型", "证件号码", "单位")


def roster_csv(count: int, seed: int) -> bytes:
    """A roster as an office would upload it: UTF-8 CSV with a header, `count` different people."""
    source = random.Random(seed)  # noqa: S311 - made-up people
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(ROSTER_HEADER)
    for number in range(count):
        name = RARE_NAMES[number // 9] if number % 9 == 8 and number // 9 < len(RARE_NAMES) else _name(source)
        writer.writerow((name, "居民身份证", _id_number(source, seed, number), source.choice(ORGANISATIONS)))
    return text.getvalue().encode()


def _name(source: random.Random) -> str:
    return source.choice(SURNAMES) + "".join(source.sample(GIVEN, source.choice((1, 2, 2))))


def _id_number(source: random.Random, seed: int, number: int) -> str:
    born = date(1975, 1, 1) + timedelta(days=(seed * 7919 + number * 13 + source.randrange(13)) % 11_000)
    body = f"{AREA}{born:%Y%m%d}{(seed * 31 + number) % 1000:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]
