"""Counts the figures of `semroute tune eval` again, from its predictions, with scikit-learn.

    python tests/sklearn/check_figures.py target/debug/semroute

Runs from the project's folder. Says nothing but one line when every figure agrees to a millionth.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score, roc_curve

LABELS = ["medical", "poetry", "debugging", "recommendation", "translate"]
OUT_OF_SCOPE = "chitchat"
ROWS_A_LABEL = 40
TOLERANCE = 1e-6


def write_rows(folder):
    """Few rows, so that a debug build takes seconds: some labels, some rows out of scope, some with a second right label."""
    path = folder / "rows.jsonl"
    with path.open("w") as lines:
        for label in [*LABELS, OUT_OF_SCOPE]:
            texts = Path(f"rules/examples/{label}.jsonl").read_text().splitlines()[:ROWS_A_LABEL]
            for at, line in enumerate(texts):
                row = {"text": json.loads(line)["text"], "label": label, "half": at % 2}
                if label == OUT_OF_SCOPE:
                    row["label"] = "oos" if at % 2 else None
                elif at % 3 == 0:
                    row["accept"] = ["poetry", "recommendation"]
                lines.write(json.dumps(row) + "\n")
    return path


def evaluate(binary, folder):
    predictions = folder / "predictions.jsonl"
    command = [binary, "tune", "eval", "--json", "--train", write_rows(folder), "--folds", "4"]
    command += ["--shot", "12", "--slice", "half", "--predictions", predictions]
    figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return figures, [json.loads(line) for line in predictions.read_text().splitlines()]


def calibration_error(confidence, right, bins=15):
    places = np.minimum(np.floor(np.clip(confidence, 0, 1) * bins), bins - 1)
    gaps = [abs(confidence[places == bin].sum() - right[places == bin].sum()) for bin in range(bins)]
    return sum(gaps) / len(confidence)


def expected(rows):
    inside = [row for row in rows if row["label"] is not None]
    is_outside = np.array([row["label"] is None for row in rows])
    truth = [row["label"] for row in inside]
    said = [row["predicted"] for row in inside]
    right = np.array([row["predicted"] in [row["label"], *row["accept"]] for row in inside])
    confidence = np.array([row["confidence"] for row in inside])
    surest = np.argsort(-confidence, kind="stable")[: int(np.ceil(0.8 * len(inside)))]
    outlier = np.array([row["outlier"] for row in rows])
    labels = sorted(set(truth))
    figures = {
        "n": len(inside),
        "oos_n": int(is_outside.sum()),
        "accuracy": accuracy_score(truth, said),
        "accept_accuracy": right.mean(),
        "macro_f1": f1_score(truth, said, labels=labels, average="macro", zero_division=0),
        "ece": calibration_error(confidence, right),
        "coverage_80_accuracy": right[surest].mean(),
    }
    if is_outside.any() and not is_outside.all():
        false_alarms, found, _ = roc_curve(is_outside, outlier, drop_intermediate=False)
        figures["oos_auroc"] = roc_auc_score(is_outside, outlier)
        figures["oos_recall_at_5"] = found[false_alarms <= 0.05].max()
    of_labels = precision_recall_fscore_support(truth, said, labels=labels, zero_division=0)
    for label, *values in zip(labels, *of_labels):
        names = ["precision", "recall", "f1", "n"]
        figures |= {f"per_label.{label}.{name}": value for name, value in zip(names, values)}
    times = np.array([row["decide_us"] for row in rows])
    figures["decide_us.mean"] = times.mean()
    figures["decide_us.p95"] = np.percentile(times, 95, method="inverted_cdf")
    return figures


def compare(figures, rows, where):
    count = 0
    for name, value in expected(rows).items():
        found = figures
        for key in name.split("."):
            found = found[key]
        assert abs(found - value) <= TOLERANCE * max(1, abs(value)), f"{where}{name}: {found}, scikit-learn says {value}"
        count += 1
    return count


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures, rows = evaluate(sys.argv[1], folder)
        halves = {row: json.loads(line)["half"] for row, line in enumerate((folder / "rows.jsonl").read_text().splitlines())}
    assert len(rows) == ROWS_A_LABEL * (len(LABELS) + 1), len(rows)
    assert 0.4 < figures["accuracy"] < 1 and figures["oos_auroc"] < 1, "too easy or too hard to tell anything"
    count = compare(figures, rows, "")
    for half, of_half in figures["slices"]["half"].items():
        count += compare(of_half, [row for row in rows if str(halves[row["row"]]) == half], f"half {half}: ")
    print(f"scikit-learn agrees with {count} figures over {len(rows)} rows", file=sys.stderr)


main()
