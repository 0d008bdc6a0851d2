"""The phrases that say whose an identifier is, in English, Spanish, German and French.

Each pattern is bounded and linear. A cue's rank is its order here: the less harmful first.
"""

from __future__ import annotations

import re
from enum import IntEnum

from schemas.kinds import EntityKind


class Cue(IntEnum):
    """What a phrase says of the identifier that follows it."""

    VICTIM = 0
    """It is the victim's own."""
    GENUINE = 1
    """It is a bank's, the police's, the real company's."""
    NEUTRAL = 2
    """Somebody calls it, and the words do not say that the scammer wants that."""
    DISPLAYED = 3
    """It was shown as the caller's."""
    WANTED = 4
    """The scammer wants the victim to use it."""


Rule = tuple[Cue, re.Pattern[str]]


def _rule(cue: Cue, *phrases: str) -> Rule:
    return cue, re.compile(rf"(?<!\w)(?:{'|'.join(phrases)})(?!\w)", re.IGNORECASE)


_PHONE_NOUN = r"(?:number|phone|cell ?phone|cell|mobile|land ?line|telephone|line|no|#)"
_ADJECTIVE = (
    r"(?:(?:own|home|house|cell|cellular|mobile|work|office|business|personal|private|phone"
    r"|telephone"
    r"|land ?line|direct|current|old|new|google voice|real) ){0,3}"
)
_KIN = (
    r"(?:husband|wife|mother|father|mom|dad|mum|son|daughter|grand(?:mother|father|ma|pa)|sister"
    r"|brother|friend|neighbou?r|parent|spouse|aunt|uncle|partner)"
)
_AUTHORITY = (
    r"(?:(?:my|our|his|her|the) (?:local |own )?(?:bank|credit union|card company|police|sheriff"
    r"|lawyer"
    r"|attorney|phone company|carrier|provider|accountant|credit card)|the ftc|ftc|the fbi|fbi"
    r"|ic3|police"
    r"|the sheriff|tigta|the bbb|equifax|experian|transunion|action fraud|911|attorney general"
    r"|real \w+|actual \w+)"
)
_COMPANY = (
    r"(?:amazon|microsoft|apple|paypal|norton|google|geek squad|best buy|the irs|irs"
    r"|social security"
    r"|ssa|verizon|at&t|t-mobile|comcast|xfinity|medicare|fedex|ups|usps|chase|wells fargo"
    r"|bank of america)"
)
_CALL = r"(?:call|phone|dial|ring|text|contact|reach|whatsapp|message)"
_WORDS = r"(?: [\w&'’-]{1,15}){0,7}"
_ASKED = (
    r"(?:to|please|must|should|and|or|can|could|need to|immediately|instantly|pls|kindly|then"
    r"|just|said|says"
    r"|saying|:)"
)

PHONE_RULES: tuple[Rule, ...] = (
    _rule(
        Cue.VICTIM,
        rf"(?:my|our) {_ADJECTIVE}(?:number|no|#)",
        rf"(?:my|our) {_ADJECTIVE}{_PHONE_NOUN}(?= (?:number|is|was|at|on)\W|\W{{0,4}}$)",
        rf"my {_KIN}(?:'s|’s|s)? {_ADJECTIVE}{_PHONE_NOUN}",
        r"(?:call|phon|text|contact|reach|messag|dial|ring|bother|harass)(?:ed|ing|s) (?:me|us)"
        r" (?:back )?(?:again )?(?:on|at)",
        r"(?:rang|called|phoned|texted) (?:me|us) (?:back )?(?:on|at)",
        r"(?:call|text|contact|reach|ring|phone) me(?: back)?(?: on| at|(?=\W{0,4}$))",
        r"(?:i|we) (?:can|could|may) be (?:reached|contacted|called)(?: at| on)?",
        r"(?:i|we)(?:'m| am| are) (?:reachable )(?:at|on)?",
        r"mi (?:n[uú]mero|tel[eé]fono|m[oó]vil|celular|fijo)(?: de \w{1,12})?",
        r"me (?:llamaron|llam[oó]|escribieron) (?:a|al)",
        r"mein(?:e|er|em|en)? (?:\w{1,12} )?(?:\w{0,10}nummer|handy|telefon|festnetz|mobil\w{0,8})",
        r"mon (?:num[ée]ro|portable|t[ée]l[ée]phone|mobile|fixe|cellulaire)",
    ),
    _rule(
        Cue.GENUINE,
        r"(?:real|actual|official|legitimate|legit|genuine|correct|true|published)"
        r"(?: [\w&'’.-]{1,20}){0,4} (?:number|line|phone|hotline|site|website|support)",
        rf"(?:called|phoned|contacted|rang|call|calling|contact|notified|to) {_AUTHORITY}"
        r"(?: [\w'’-]{1,15}){0,4}",
        rf"(?:i|we)(?: \w{{1,12}})? (?:called|phoned|contacted|rang|looked up|googled) "
        rf"(?:the )?{_COMPANY}"
        r"(?: [\w'’-]{1,15}){0,4}",
        r"(?:my|our) bank(?:'s|’s)?(?: \w{1,12}){0,3}",
        r"(?:police|sheriff|fraud department|non-emergency)(?: [\w-]{1,15}){0,3}",
        r"back of (?:my|the|our) card",
        r"(?:llam[eé]|llamamos) (?:a|al) (?:mi banco|la polic[ií]a|banco)(?: \w{1,12}){0,2}",
        r"n[uú]mero (?:real|oficial|verdadero)(?: \w{1,12}){0,3}",
        r"meine bank(?: \w{1,12}){0,3}|polizei(?: \w{1,12}){0,2}|echte (?:\w{1,15} )?nummer",
        r"ma banque(?: \w{1,12}){0,3}|police(?: \w{1,12}){0,2}|vrai num[ée]ro(?: \w{1,12}){0,2}",
    ),
    _rule(
        Cue.NEUTRAL,
        r"(?:tried|try|tries|trying|attempt(?:ed|ing)?|decided|able|unable|failed|managed|had|have"
        rf"|want(?:ed)?) to {_CALL}{_WORDS}",
        rf"(?:not|n['’]t|never|don['’]?t|didn['’]?t) {_CALL}{_WORDS}",
        rf"(?:when|if|whenever|once|after|before) (?:you|i|we) (?:try to )?{_CALL}{_WORDS}",
        rf"(?:i|we)(?: (?:can|could|should|will|would|may|might|did))? {_CALL}{_WORDS}",
        rf"(?:they|he|she|who|people|scammers?|it|that|always|also|constantly) {_CALL}s?{_WORDS}",
    ),
    _rule(
        Cue.DISPLAYED,
        r"caller[- ]?id(?: \w{1,12}){0,4}",
        r"(?:called|calling|calls|call|rang|texted|text|phoned)(?: (?:me|us|my \w{1,8}|back"
        r"|again))?"
        r" (?:from|using|via)(?: \w{1,12}){0,4}",
        r"calls?(?: \w{1,10})? (?:came|come|coming|was|were|is|originated|originating)(?: in)? from"
        r"(?: \w{1,12}){0,4}",
        r"(?:showed|shows|showing|displayed|displaying|appeared|came up|comes up|spoofed|spoofing)"
        r"(?: \w{1,12}){0,4}",
        r"from (?:\w{1,12} ){0,3}(?:number|phone|#|no)",
        r"received (?:\w{1,12} ){0,4}calls?(?: from)?",
        r"the number (?:that |which )?(?:called|showed|was calling|on my phone)(?: \w{1,12}){0,2}",
        r"me llam(?:aron|[oó]) (?:desde|del?|con)(?: \w{1,12}){0,3}|llamadas? (?:desde|del?)"
        r"(?: \w{1,12}){0,3}",
        r"identificador(?: \w{1,12}){0,4}",
        r"anruf(?:e|er)?(?: \w{1,12})? (?:von|mit)(?: \w{1,12}){0,3}|von der nummer|rief"
        r"(?:en)? mich(?: \w{1,12}){0,4}",
        r"appel[ée]?(?: \w{1,12})? (?:du|depuis|de|par)(?: \w{1,12}){0,3}|re[çc]u un appel"
        r"(?: \w{1,12}){0,3}",
    ),
    _rule(
        Cue.WANTED,
        rf"{_ASKED} {_CALL}(?!s|ed|ing)(?! (?:me|my|came|from|center|was|is)\b)"
        rf"(?: [\w&'’-]{{1,15}}){{0,7}}",
        rf"(?:^|(?<=[\"“'‘,:(*-])) ?{_CALL}(?! (?:me|my|came|from|center|was|is|and)\b)"
        r"(?: [\w&'’-]{1,15}){0,7}",
        rf"{_CALL} (?:us|our|them|toll[- ]?free|now|immediately|microsoft|amazon|apple|windows"
        rf"|norton|paypal"
        r"|support|the number|this number|back)(?: [\w&'’-]{1,15}){0,6}",
        r"(?:reach|contact) (?:us|our)(?: [\w&'’-]{1,15}){0,6}",
        r"call[- ]?back (?:phone )?(?:number|line|#)(?: \w{1,12}){0,4}",
        r"number to (?:call|dial|contact|text|reach)(?: [\w'-]{1,12}){0,5}",
        r"(?:gave|left|provided|given|listed)(?: \w{1,10}){0,2} (?:a|the|this|another|his|her"
        r"|their)"
        r"(?: [\w-]{1,12}){0,3} (?:number|#)(?: \w{1,12}){0,4}",
        r"called the (?:\w{1,12} )?number (?:on|in) (?:the|my) (?:pop[- ]?up|screen|e-?mail"
        r"|message|text"
        r"|letter|invoice|receipt)(?: \w{1,12}){0,3}",
        r"(?:llamar|llame|llamen|llama|llamara|ll[aá]menos|marcar|marque|comunicarse"
        r"|comun[ií]quese)"
        r"(?! (?:a mi banco|desde))(?: [\wáéíóú]{1,15}){0,6}",
        r"(?:rufen sie|r[uü]ckruf\w{0,8}|w[aä]hlen sie|zur[uü]ckrufen|anzurufen)"
        r"(?: [\wäöü-]{1,15}){0,6}",
        r"(?:appeler|appelez|rappeler|rappelez|contactez|contacter|composer|composez|joindre)"
        r"(?! ma banque)(?: [\wéèàê'’-]{1,15}){0,6}",
    ),
)

MAIL_RULES: tuple[Rule, ...] = (
    _rule(
        Cue.VICTIM,
        r"(?:my|our) (?:\w{1,10} ){0,2}(?:e-?mail|address|account|inbox|gmail)(?: \w{1,10}){0,3}",
        r"(?:e-?mail|contact|reach|messag)(?:ed|ing|s)? (?:me|us) (?:on|at)",
        r"sent to (?:me|us)(?: at)?",
        r"mi (?:correo|e-?mail)(?: \w{1,12}){0,2}|meine? (?:e-?mail|mail)\S{0,10}"
        r"(?: \w{1,12}){0,2}",
        r"mon (?:e-?mail|adresse|courriel)(?: \w{1,12}){0,2}",
    ),
    _rule(
        Cue.GENUINE,
        r"(?:reported|report|forwarded|forward|complained)(?: (?:it|this|them|that"
        r"|the \w{1,12}))? to"
        r"(?: \w{1,12}){0,3}",
        r"(?:real|actual|official|legitimate|genuine)(?: [\w&'’-]{1,20}){0,3} (?:e-?mail|address)",
    ),
    _rule(
        Cue.WANTED,
        r"(?:e-?mails?|message|invoice|letter)(?: \w{1,10}){0,3} from(?: \w{1,12}){0,4}",
        r"(?:sent|came|received|coming|written|signed)(?: \w{1,10}){0,2} (?:from|by)"
        r"(?: \w{1,12}){0,4}",
        r"(?:sender|from|reply[- ]to)(?: \w{1,12}){0,2}",
        r"(?:e-?mail|contact|write to|reply to|write|reach) (?:us|them|him|her|to)?"
        r"(?: \w{1,12}){0,3}",
        r"(?:his|her|their) (?:e-?mail|address)(?: \w{1,10}){0,2}",
        r"correo (?:de|desde)|von der adresse|de l['’]adresse",
    ),
)

REMOTE_RULES: tuple[Rule, ...] = (
    _rule(
        Cue.VICTIM,
        r"(?:my|our)(?: (?!computer|pc|laptop|machine|screen|phone|device|tablet)[\w-]{1,12}){0,4}",
        r"(?:i|we) (?:gave|read|told|shared|provided|sent|typed|showed)(?: [\w-]{1,12}){0,6}",
        r"(?:asked|asking|wanted|requested) (?:me |us )?for(?: [\w-]{1,12}){0,4}",
        r"connect(?:ed|ing)? to (?:me|us|my \w{1,12}) (?:on|via|through|using|with|by|over)"
        r"(?: [\w-]{1,12}){0,4}",
        r"(?:mi|mein|meine|meiner|mon|ma)(?: [\w-]{1,12}){0,4}",
    ),
    _rule(
        Cue.WANTED,
        r"(?:asked|told|instructed|made|had) (?:me|us) (?:to )?"
        r"(?:connect|enter|type|put|join|use|accept|input)(?: [\w-]{1,12}){0,6}",
        r"(?:connect(?:ed)?|connection|request|session)(?: \w{1,10})? (?:to|from|with|by)"
        r"(?: [\w-]{1,12}){0,6}",
        r"(?:his|her|their|agent'?s?|technician'?s?|operator'?s?|scammer'?s?)(?: [\w-]{1,12}){0,4}",
        r"(?:su|sus|se conect[oó]|seine?|ihre?|verband sich|son|sa|s['’]est connect[ée])"
        r"(?: [\w-]{1,12}){0,5}",
    ),
)

PAYEE_RULES: tuple[Rule, ...] = (
    _rule(
        Cue.VICTIM,
        r"(?:from |out of )?(?:my|our)(?: own)?(?: [\w-]{1,12}){0,2}"
        r" (?:account|iban|bank|card|wallet|upi|savings|checking)(?: [\w-]{1,12}){0,3}",
        r"refund(?:ed)?(?: \w{1,10}){0,3} to (?:my|our)(?: \w{1,12}){0,3}",
        r"(?:mi cuenta|mein konto|meinem konto|mon compte)(?: \w{1,12}){0,3}",
    ),
    _rule(
        Cue.WANTED,
        r"(?:pay|paid|send|sent|sending|transfer|transferred|transferring|wire|wired|deposit|deposited|remit"
        r"|remitted|(?:payment|money|funds?) (?:went|goes|go|was sent))(?: [\w$.,-]{1,15}){0,8}",
        r"(?:to|into) (?:the|this|that|their|his|her|a|an)(?: [\w-]{1,15}){0,5}",
        r"(?:his|her|their|scammer'?s?)(?: [\w-]{1,12}){0,4}",
        r"(?:pago|pagar|dinero|transferir|transfer[ií]|env[ií][eé]|enviar|überweis\w{0,6}|zahlung|geld|virer"
        r"|vir[ée]|payer|paiement|argent)(?: [\w€.,-]{1,15}){0,8}",
    ),
)

SITE_RULES: tuple[Rule, ...] = (
    _rule(
        Cue.GENUINE,
        r"(?:reported|report|complaint|filed|complained)(?: [\w'-]{1,12}){0,5} (?:to|at|on|with)"
        r"(?: \w{1,12}){0,2}",
        r"(?:real|actual|official|legitimate|genuine)(?: [\w&'’-]{1,20}){0,3}",
        r"(?:my|our) (?:own )?(?:web ?site|site|domain|company|page|business)(?: \w{1,12}){0,2}",
    ),
    _rule(
        Cue.WANTED,
        r"(?:go|going|went|visit|directed|sent|log(?:ged)? ?(?:in|on)?|navigate|navigated|taken"
        r"|redirected|brought)"
        r"(?: (?:me|us|him|her))?(?: (?:to|on|onto|into))?(?: [\w'-]{1,12}){0,4}",
        r"(?:website|web ?site|site|url|link|page|domain|click(?:ed)?|download(?:ed)?|open(?:ed)?"
        r"|typed?|enter(?:ed)?)"
        r"(?: [\w'-]{1,12}){0,4}",
        r"(?:página|sitio|enlace|webseite|seite|lien|mandaron a|entrar en|musste|form was at)"
        r"(?: \w{1,12}){0,3}",
    ),
)

BEFORE: dict[EntityKind, tuple[Rule, ...]] = {
    EntityKind.PHONE: PHONE_RULES,
    EntityKind.EMAIL: MAIL_RULES,
    EntityKind.REMOTE: REMOTE_RULES,
    EntityKind.ACCOUNT: PAYEE_RULES,
    EntityKind.WALLET: PAYEE_RULES,
    EntityKind.HANDLE: PAYEE_RULES,
    EntityKind.DOMAIN: SITE_RULES,
    EntityKind.URL: SITE_RULES,
    EntityKind.IP: SITE_RULES,
}

SPOKEN: tuple[Rule, ...] = (
    _rule(
        Cue.WANTED,
        rf"(?:my|our) (?:[\w-]{{1,12}} ){{0,4}}{_PHONE_NOUN}(?: \w{{1,12}}){{0,3}}",
        rf"{_CALL} (?:me|us|back|our|my)(?: [\w'’-]{{1,15}}){{0,7}}",
        r"(?:phone |toll[- ]free |callback )?number(?: \w{1,12}){0,2} (?:is|at|again)",
        r"again,? (?:that'?s|it'?s|the number is|my number is)|(?:i|we) can be reached"
        r"(?: \w{1,12}){0,3}",
    ),
)
"""In a transcript of the caller, "my number" and "call me" are the suspect's."""

RETOLD = re.compile(
    r"(?:said|says|saying|message|voicemail|read|reads|stated|states)[,:]{0,1}\s?[\"“'‘]?\s?"
    r"(?:please |hi,? |hello,? )?(?:call|contact|text|reach) me[^.]{0,20}$",
    re.IGNORECASE,
)
"""A complaint that quotes the caller's own "call me back at"."""

AFTER: tuple[Rule, ...] = (
    (
        Cue.VICTIM,
        re.compile(
            r"[\s,()-]{0,3}(?:(?:is|was|which is|that is|being) (?:my|our)|\(?(?:my|our)) "
            rf"{_ADJECTIVE}{_PHONE_NOUN}\b(?! ?bank)|[\s,()-]{{0,3}}(?:ist meine|es mi|est mon)\b",
            re.IGNORECASE,
        ),
    ),
    (
        Cue.GENUINE,
        re.compile(
            r"[\s,()-]{0,3}(?:is|was|which is) (?:the|my|our|a) (?:real|actual|official"
            r"|legitimate|genuine|bank|police)",
            re.IGNORECASE,
        ),
    ),
    (
        Cue.WANTED,
        re.compile(
            r"[\s,()-]{0,3}(?:an(?:zu)?rufen|zur[uü]ck(?:zu)?rufen"
            r"|(?:is|was) the (?:call ?back number|number (?:to call|(?:they|he|she) (?:gave|left"
            r"|told))))",
            re.IGNORECASE,
        ),
    ),
    (
        Cue.DISPLAYED,
        re.compile(
            r"[\s,()-]{0,3}(?:(?:has|have|keeps?|kept|had|just|also|then) ){0,2}(?:been )?"
            r"(?:called|calling|calls|rang|showed|shows|came up|appeared|texted)\b(?! (?:and )?"
            r"(?:i|we)\b)"
            r"|[\s,()-]{0,3}(?:is|was) the (?:number )?(?:caller|that called|on (?:my|the) caller"
            r"|displayed)",
            re.IGNORECASE,
        ),
    ),
)
