from .matches import Scripts as Scripts, ScriptsFromFingerprints as ScriptsFromFingerprints
