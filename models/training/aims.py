"""The figures that were aimed at, beside those reached: read from the tables of the results themselves, so that neither goes stale."""

AT_LEAST, AT_MOST = "≥", "≤"

# What, the row that says it (its first cell), the column, which way, the aim in percent.
AIMS = [
    ("20 words, as a grammar, real speech", "commands-eval: 20 words, as a grammar", "exact %", AT_LEAST, 98),
    ("English digits, as a grammar, real speech", "digits-en-eval: 10 digits, as a grammar", "exact %", AT_LEAST, 97),
    ("Mandarin syllables alone, real speech", "mandarin-syllables-eval", "syllable error %", AT_MOST, 30),
    ("Mandarin words, real speech", "mandarin-words-eval", "syllable error %", AT_MOST, 10),
    ("Cantonese syllables alone, real speech", "cantonese-syllables-eval", "syllable error %", AT_MOST, 15),
    *((f"branch sentences {name}, synthetic", f"{row}", "error rate %", AT_MOST, 5)
      for name, row in (("zh", "sentences zh"), ("yue", "sentences yue"), ("en", "sentences en"),
                        ("zh, neural voices", "written by hand zh, neural voices"),
                        ("en, neural voices", "written by hand en, neural voices"))),
    *((f"branch sentences {language} after 3 % loss and babble, synthetic",
       f"sentences {language}, 3 % loss, babble 10 dB", "error rate %", AT_MOST, 12) for language in ("zh", "yue", "en")),
    *((f"numbers of 11 digits {language}, whole, synthetic", f"numbers of 11 digits {language}", "exact %", AT_LEAST, 97)
      for language in ("zh", "yue", "en")),
    ("200 branch phrases, as a grammar, synthetic", "200 branch phrases, as a grammar", "exact %", AT_LEAST, 99),
    ("other phrases rejected there, synthetic", "99 other phrases, to be rejected", "exact %", AT_LEAST, 99),
]


def figures(report):
    """{(first cell, column): cell} of every table in a text of Markdown."""
    out, header = {}, None
    for line in report.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if header is None:
            header = cells
        else:
            out.update({(cells[0], column): cell for column, cell in zip(header, cells)})
    return out


def table(report):
    """Aim, figure with its interval and whether the aim is met, as Markdown."""
    found = figures(report)
    lines = ["| what | aim % | reached % | |", "|---|---|---|---|"]
    for what, row, column, way, aim in AIMS:
        cell = found.get((row, column))
        if cell is None:
            reached, verdict = "not measured", ""
        else:
            figure = float(cell.split()[0])
            is_met = figure >= aim if way == AT_LEAST else figure <= aim
            reached, verdict = cell.split(" of ")[0], "met" if is_met else "**missed**"
        lines.append(f"| {what} | {way} {aim} | {reached} | {verdict} |")
    return "\n".join(lines)
