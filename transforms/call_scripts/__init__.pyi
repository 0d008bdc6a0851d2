from .transform import Scripts as Scripts, ScriptsFromFingerprints as ScriptsFromFingerprints
