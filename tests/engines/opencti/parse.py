"""Read a bundle as OpenCTI's client does; runs where pycti is, and needs nothing of ringtrace.

pycti registers its observables with stix2, so that `stix2.parse` gives its own types.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import pycti
import stix2

OWN = {
    "phone-number": (pycti.CustomObservablePhoneNumber, ("value",)),
    "bank-account": (pycti.CustomObservableBankAccount, ("value", "iban")),
    "cryptocurrency-wallet": (pycti.CustomObservableCryptocurrencyWallet, ("value",)),
}


def main(path):
    text = Path(path).read_text(encoding="utf-8")
    objects = stix2.parse(text, allow_custom=True).objects
    own = Counter()
    for observable in objects:
        if observable["type"] in OWN:
            maker, names = OWN[observable["type"]]
            assert isinstance(observable, maker), type(observable)
            assert maker(**{name: observable[name] for name in names}).id == observable["id"]
            own[observable["type"]] += 1
    splitter = pycti.OpenCTIStix2Splitter()
    expected, incompatible, parts = splitter.split_bundle_with_expectations(text)
    told = {
        "pycti": pycti.__version__,
        "objects": len(objects),
        "own": own,
        "expected": expected,
        "incompatible": len(incompatible),
        "parts": len(parts),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
