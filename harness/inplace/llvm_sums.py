"""The sum of a vector as NumPy takes it, in LLVM's assembly language.

NumPy sums in pairs. The sum of more than 128 numbers is that of two halves, the first a multiple of 8
long. A shorter vector is summed in 8 lanes; then the lanes are summed in pairs, and the rest is added
one by one. In this order a sum has the bits that it has where the rule runs on NumPy; and the 8 lanes
are a vector register. NumPy promises no order, so `machine_code.py` compares both before it trusts this
one.
"""

from __future__ import annotations

__all__ = ["NAME", "halves", "pairwise"]

NAME = "pairwise"  # of the function: (address, length of at least 1) to the sum


def halves(count: str) -> list[str]:
    """Lines that set %left and %right to the lengths of the two parts of a vector."""
    return [
        f"%half = lshr i64 {count}, 1",
        "%left = and i64 %half, -8",
        f"%right = sub i64 {count}, %left",
    ]


def pairwise(real: str) -> str:
    """The function. real: "float" or "double"."""
    return "\n".join(
        [
            f"define {real} @{NAME}(ptr %x, i64 %n) {{",
            "start:",
            "%few = icmp slt i64 %n, 8",
            "br i1 %few, label %rest, label %many",
            "many:",
            "%short = icmp sle i64 %n, 128",
            "br i1 %short, label %block, label %long",
            # --- more than 128
            "long:",
            *halves("%n"),
            f"%after = getelementptr {real}, ptr %x, i64 %left",
            f"%first = call {real} @{NAME}(ptr %x, i64 %left)",
            f"%second = call {real} @{NAME}(ptr %after, i64 %right)",
            f"%both = fadd {real} %first, %second",
            f"ret {real} %both",
            # --- up to 128, in 8 lanes
            "block:",
            "%whole = and i64 %n, -8",
            f"%begin = load <8 x {real}>, ptr %x, align {_SIZE[real]}",
            "%single = icmp eq i64 %whole, 8",
            "br i1 %single, label %lanes, label %eights",
            "eights:",
            "%i = phi i64 [8, %block], [%i.next, %eights]",
            f"%so.far = phi <8 x {real}> [%begin, %block], [%now, %eights]",
            f"%at = getelementptr {real}, ptr %x, i64 %i",
            f"%more = load <8 x {real}>, ptr %at, align {_SIZE[real]}",
            f"%now = fadd <8 x {real}> %so.far, %more",
            "%i.next = add nuw nsw i64 %i, 8",
            "%on = icmp slt i64 %i.next, %whole",
            "br i1 %on, label %eights, label %lanes",
            "lanes:",
            f"%p8 = phi <8 x {real}> [%begin, %block], [%now, %eights]",
            *_paired(real, 8),
            *_paired(real, 4),
            *_paired(real, 2),
            f"%lanes.sum = extractelement <1 x {real}> %p1, i64 0",
            "%none = icmp eq i64 %whole, %n",
            "br i1 %none, label %end, label %rest",
            # --- the rest
            "rest:",
            "%k = phi i64 [0, %start], [%whole, %lanes], [%k.next, %rest]",
            f"%sum = phi {real} [0.0, %start], [%lanes.sum, %lanes], [%sum.next, %rest]",
            f"%there = getelementptr {real}, ptr %x, i64 %k",
            f"%one = load {real}, ptr %there",
            f"%sum.next = fadd {real} %sum, %one",
            "%k.next = add nuw nsw i64 %k, 1",
            "%again = icmp slt i64 %k.next, %n",
            "br i1 %again, label %rest, label %end",
            "end:",
            f"%all = phi {real} [%lanes.sum, %lanes], [%sum.next, %rest]",
            f"ret {real} %all",
            "}",
        ]
    )


def _paired(real: str, lanes: int) -> list[str]:
    """Lines that add neighbouring lanes, %p8 to %p4 and so on."""
    half = lanes // 2
    vector, half_vector = f"<{lanes} x {real}>", f"<{half} x {real}>"
    lines = []
    for name, first in (("even", 0), ("odd", 1)):
        mask = ", ".join(f"i32 {lane}" for lane in range(first, lanes, 2))
        lines.append(
            f"%{name}{lanes} = shufflevector {vector} %p{lanes}, {vector} poison, "
            f"<{half} x i32> <{mask}>"
        )
    return [*lines, f"%p{half} = fadd {half_vector} %even{lanes}, %odd{lanes}"]


_SIZE = {"float": 4, "double": 8}
