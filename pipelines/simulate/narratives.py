"""Sentences of victims, and what scammers say and read out, in four languages.

Every sentence is one of a few variants, so that texts of one script are near-duplicates and not
copies. `{x}` stands for an identifier as the victim writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

LANGUAGES = {"US": "en", "GB": "en", "CA": "en", "AU": "en", "DE": "de", "ES": "es"}
"""Language of a country's complaints, but for the minorities below."""
_SPANISH_IN_US, _FRENCH_IN_CA = 0.1, 0.25


@dataclass(frozen=True)
class Phrases:
    """The sentences of one language. `scripts` runs parallel across languages.

    `quoted` and `quoted_site` are words of the scammer's, as the victim heard or copied them;
    `cited` are about sites where a victim checked, read, shopped or reported.
    """

    opening: tuple[str, ...]
    scripts: tuple[str, ...]
    callback: tuple[str, ...]
    payee: tuple[str, ...]
    operator: tuple[str, ...]
    lure_site: tuple[str, ...]
    sender: tuple[str, ...]
    reply_to: tuple[str, ...]
    quoted: tuple[str, ...]
    quoted_site: tuple[str, ...]
    cited: tuple[str, ...]
    victim_number: tuple[str, ...]
    victim_remote: tuple[str, ...]
    victim_email: tuple[str, ...]
    called_bank: tuple[str, ...]
    second_ring: tuple[str, ...]
    nuisance: tuple[str, ...]
    ending: tuple[str, ...]


EN = Phrases(
    opening=(
        "I received a call from someone claiming to be {brand}.",
        "A recorded message from {brand} was left on my phone.",
        "My computer froze and a warning from {brand} filled the screen.",
        "Someone with a heavy accent said he was with {brand} security.",
        "Got a text that looked like it came from {brand}.",
    ),
    scripts=(
        "This is a call about your recent order of an iPhone 13 for {price}. If you did not "
        "authorize this purchase press 1 or call us back to cancel the order.",
        "Your computer is sending error reports to our server and hackers are using your IP "
        "address. Please do not turn it off, a technician must clean it now for {price}.",
        "Your annual protection plan has been renewed and {price} will be debited today. To cancel "
        "and get a refund please speak with our billing department.",
        "By mistake we refunded you {price} too much, my job is on the line, please send the "
        "difference back before the bank closes.",
        "Your account has been suspended because of suspicious activity from Texas. A parcel with "
        "your name was found at the border and {price} must be secured in a safe account.",
        "Your prime membership will be charged {price} automatically. Press 1 to talk to an "
        "account manager or the amount will be taken from your card.",
        "We noticed a sign-in from another country. Your operating system licence has expired, "
        "renew it with {price} in gift cards and read me the codes.",
        "You are selected for the settlement of our closed company. We owe you {price}, open your "
        "online banking so that we can pay it in.",
    ),
    callback=(
        "They told me to call back {x}.",
        "The number to call was {x}.",
        "The screen said to call {x} at once.",
    ),
    payee=(
        "I was told to send the money to {x}.",
        "He made me transfer to {x}.",
        "The payment went to {x}.",
    ),
    operator=(
        "He connected to my computer from {tool} ID {x}.",
        "His {tool} id was {x}.",
        "They had me accept a {tool} session from {x}.",
    ),
    lure_site=(
        "They sent me to {x}.",
        "I had to open {x} and fill in a form.",
        "The refund form was at {x}.",
    ),
    sender=("The e-mail came from {x}.", "They wrote to me from {x}."),
    reply_to=("I had to send my reply to {x}.", "They told me to answer at {x}."),
    quoted=(
        'The voicemail said: "This is the billing desk, my direct number is {x}, call today."',
        'He said "my direct line is {x}, ask for Kevin".',
        "The message read: your order ships today, to cancel call us at {x}.",
        'She told me "write this down, {x}, and ring me from the store".',
        'The pop-up said "Do not shut down. Call support {x}".',
        'They left this message: "my number is {x}, please return my call".',
    ),
    quoted_site=(
        'The text said: "Your account is locked, sign in at {x} to restore it."',
        'He said "go to {x} and type in the code".',
    ),
    cited=(
        "I looked the number up on {x} and others had reported it.",
        "According to {x} this is a common scam.",
        "I checked {x} and there was no such order in my account.",
        "I later read an article about this on {x}.",
        "There is a warning about exactly this at {x}.",
        "My daughter found {x} which describes the same thing.",
        "I had ordered a toaster from {x} the week before, so it seemed plausible.",
        "I do buy things on {x} so I believed it.",
        "I bought the gift cards on {x}.",
        "I also reported it at {x}.",
        "I have an account with {x} and nothing was charged there.",
        "I googled it and {x} says they never call people.",
    ),
    victim_number=(
        "My number is {x}.",
        "You can reach me at {x}.",
        "They called my cell phone {x}.",
        "I gave them my number, {x}.",
        "I gave them my callback number which is {x}.",
        "He asked what number to call back and I told him {x}.",
        'I answered "my number is {x}" like a fool.',
        "Please call me back at {x}.",
    ),
    victim_remote=("I read him my {tool} id {x}.", "My {tool} ID is {x}."),
    victim_email=("My email is {x}.", "Please reply to my email {x}."),
    called_bank=(
        "I then called {who} on {x} and they confirmed it was a scam.",
        "Afterwards I rang {who} at {x} myself to block the card.",
    ),
    second_ring=(
        "A week later another caller said he could recover the money.",
        "The same day I had a second call of this kind.",
    ),
    nuisance=(
        "Unwanted call about an extended car warranty, I am on the do not call list.",
        "They keep calling about solar panels and hang up.",
        "Silent call, third time this week.",
        "Robocall about health insurance.",
    ),
    ending=(
        "I feel so stupid.",
        "Please help me get my money back.",
        "I hung up and ran a virus scan.",
        "My bank says it cannot stop the payment.",
        "",
    ),
)

ES = Phrases(
    opening=(
        "Recibí una llamada de alguien que decía ser de {brand}.",
        "Me dejaron un mensaje grabado de {brand}.",
        "El ordenador se bloqueó y salió un aviso de {brand}.",
    ),
    scripts=(
        "Le llamamos por su pedido reciente de un iPhone 13 por {price}. Si no ha autorizado esta "
        "compra pulse 1 o devuelva la llamada para anular el pedido.",
        "Su ordenador envía informes de error a nuestro servidor y unos piratas usan su dirección "
        "IP. No lo apague, un técnico debe limpiarlo ahora por {price}.",
        "Su plan anual de protección se ha renovado y hoy se cargarán {price}. Para anularlo hable "
        "con nuestro departamento de facturación.",
        "Por error le hemos devuelto {price} de más, me van a despedir, envíe la diferencia antes "
        "de que cierre el banco.",
        "Su cuenta está suspendida por actividad sospechosa. Encontraron un paquete con su nombre "
        "en la frontera y hay que poner {price} en una cuenta segura.",
        "Su suscripción prime se cobrará automáticamente por {price}. Pulse 1 para hablar con un "
        "gestor o se cargará en su tarjeta.",
        "Hemos visto un inicio de sesión desde otro país. Su licencia ha caducado, renuévela con "
        "{price} en tarjetas regalo y léame los códigos.",
        "Ha sido elegido en la liquidación de nuestra empresa. Le debemos {price}, abra su banca "
        "en línea para ingresarlo.",
    ),
    callback=("Me dijeron que llamara al {x}.", "El número para llamar era {x}."),
    payee=("Me hicieron enviar el dinero a {x}.", "El pago fue a {x}."),
    operator=("Se conectó desde el {tool} ID {x}.", "Su id de {tool} era {x}."),
    lure_site=("Me mandaron a {x}.", "Tuve que abrir {x}."),
    sender=("El correo venía de {x}.", "Me escribieron desde {x}."),
    reply_to=("Tenía que responder a {x}.",),
    quoted=(
        'El mensaje de voz decía: "mi número directo es {x}, llámeme hoy".',
        'Me dijo: "apunte mi número, {x}, y llame cuando esté en el banco".',
        "El aviso decía: no apague el equipo, llame a soporte al {x}.",
    ),
    quoted_site=('El SMS decía: "su cuenta está bloqueada, entre en {x} para recuperarla".',),
    cited=(
        "Busqué el número en {x} y otros lo habían denunciado.",
        "Leí en {x} que es una estafa conocida.",
        "Había comprado en {x} la semana anterior y por eso me lo creí.",
        "También lo denuncié en {x}.",
        "Miré en {x} y no había ningún pedido.",
    ),
    victim_number=(
        "Mi número es {x}.",
        "Me llamaron a mi móvil {x}.",
        "Les di mi número, {x}, para que me llamaran.",
        "Me pidió un teléfono y le dije el {x}.",
    ),
    victim_remote=("Le di mi id de {tool} {x}.", "Mi {tool} ID es {x}."),
    victim_email=("Mi correo es {x}.",),
    called_bank=("Después llamé yo a {who} al {x} y me confirmaron que era una estafa.",),
    second_ring=("Una semana después otro decía que podía recuperar el dinero.",),
    nuisance=("Llamada comercial no deseada de una eléctrica.", "Llaman y cuelgan."),
    ending=("Necesito ayuda.", "El banco no puede parar el pago.", ""),
)

DE = Phrases(
    opening=(
        "Ich bekam einen Anruf von jemandem, der sich als {brand} ausgab.",
        "Auf dem Bildschirm erschien eine Warnung von {brand} und nichts ging mehr.",
        "Eine Bandansage von {brand} rief an.",
    ),
    scripts=(
        "Es geht um Ihre Bestellung eines iPhone 13 für {price}. Wenn Sie den Kauf nicht "
        "veranlasst haben, drücken Sie die 1 oder rufen Sie zurück.",
        "Ihr Computer sendet Fehlermeldungen an unseren Server und Hacker benutzen Ihre "
        "IP-Adresse. Schalten Sie ihn nicht aus, ein Techniker muss ihn für {price} säubern.",
        "Ihr Jahresschutz wurde verlängert und heute werden {price} abgebucht. Zum Kündigen "
        "sprechen Sie mit unserer Rechnungsabteilung.",
        "Wir haben Ihnen versehentlich {price} zu viel erstattet, ich verliere meine Stelle, "
        "schicken Sie die Differenz zurück, bevor die Bank schließt.",
        "Ihr Konto ist wegen verdächtiger Aktivität gesperrt. An der Grenze lag ein Paket mit "
        "Ihrem Namen und {price} müssen auf ein sicheres Konto.",
        "Ihre Prime-Mitgliedschaft wird automatisch mit {price} belastet. Drücken Sie die 1 für "
        "einen Berater.",
        "Es gab eine Anmeldung aus einem anderen Land. Ihre Lizenz ist abgelaufen, verlängern Sie "
        "sie mit {price} in Geschenkkarten und lesen Sie mir die Codes vor.",
        "Sie sind bei der Abwicklung unserer Firma ausgewählt. Wir schulden Ihnen {price}, öffnen "
        "Sie Ihr Online-Banking.",
    ),
    callback=("Ich sollte {x} zurückrufen.", "Die Nummer war {x}."),
    payee=("Ich sollte das Geld an {x} überweisen.", "Die Zahlung ging an {x}."),
    operator=("Er verband sich mit der {tool}-ID {x}.", "Seine {tool} ID war {x}."),
    lure_site=("Sie schickten mich auf {x}.", "Ich musste {x} öffnen."),
    sender=("Die E-Mail kam von {x}.", "Geschrieben hat mir {x}."),
    reply_to=("Ich sollte an {x} antworten.",),
    quoted=(
        'Auf der Mailbox hieß es: "Meine Durchwahl ist {x}, rufen Sie heute zurück."',
        'Er sagte: "Notieren Sie meine Nummer, {x}, und rufen Sie aus dem Laden an."',
        "In der Warnung stand: Schalten Sie den Computer nicht aus, rufen Sie {x} an.",
    ),
    quoted_site=('In der SMS stand: "Ihr Konto ist gesperrt, melden Sie sich auf {x} an."',),
    cited=(
        "Auf {x} habe ich gelesen, dass das Betrug ist.",
        "Ich hatte vorher bei {x} bestellt, deshalb habe ich es geglaubt.",
        "Ich habe die Nummer bei {x} gesucht und andere haben sie gemeldet.",
        "Auf {x} wird davor gewarnt.",
        "Ich habe es auch bei {x} gemeldet.",
    ),
    victim_number=(
        "Meine Nummer ist {x}.",
        "Angerufen wurde mein Handy {x}.",
        "Ich habe ihm meine Nummer {x} gegeben.",
        "Er wollte eine Rückrufnummer, ich sagte ihm {x}.",
    ),
    victim_remote=("Ich gab ihm meine {tool}-ID {x}.", "Meine {tool} ID ist {x}."),
    victim_email=("Meine E-Mail ist {x}.",),
    called_bank=("Danach rief ich selbst {who} unter {x} an, es war Betrug.",),
    second_ring=("Eine Woche später wollte ein anderer das Geld zurückholen.",),
    nuisance=("Unerwünschter Werbeanruf wegen Strom.", "Es klingelt und dann legen sie auf."),
    ending=("Bitte helfen Sie mir.", "Die Bank kann nichts tun.", ""),
)

FR = Phrases(
    opening=(
        "J'ai reçu un appel de quelqu'un qui disait être de {brand}.",
        "Un message enregistré de {brand} m'attendait.",
    ),
    scripts=(
        "Nous appelons pour votre commande d'un iPhone 13 à {price}. Si vous n'avez pas autorisé "
        "cet achat, faites le 1 ou rappelez-nous.",
        "Votre ordinateur envoie des rapports d'erreur à notre serveur et des pirates utilisent "
        "votre adresse IP. Ne l'éteignez pas, un technicien doit le nettoyer pour {price}.",
        "Votre protection annuelle est renouvelée et {price} seront débités aujourd'hui. Pour "
        "annuler, parlez à notre service de facturation.",
        "Par erreur nous vous avons remboursé {price} de trop, renvoyez la différence avant la "
        "fermeture de la banque.",
        "Votre compte est suspendu pour activité suspecte. Un colis à votre nom est à la frontière "
        "et {price} doivent aller sur un compte sûr.",
        "Votre abonnement prime sera facturé {price}. Faites le 1 pour parler à un conseiller.",
        "Il y a eu une connexion depuis un autre pays. Votre licence a expiré, renouvelez-la avec "
        "{price} en cartes-cadeaux.",
        "Vous êtes choisi dans la liquidation de notre société. Nous vous devons {price}, ouvrez "
        "votre banque en ligne.",
    ),
    callback=("Ils m'ont dit de rappeler le {x}.", "Le numéro à appeler était {x}."),
    payee=("J'ai dû envoyer l'argent à {x}.",),
    operator=("Il s'est connecté avec l'ID {tool} {x}.",),
    lure_site=("Ils m'ont envoyé sur {x}.",),
    sender=("Le courriel venait de {x}.",),
    reply_to=("Je devais répondre à {x}.",),
    quoted=(
        "Le message vocal disait : « mon numéro direct est le {x}, rappelez-moi ».",
        'Il m\'a dit : "notez mon numéro, {x}, et rappelez depuis le magasin".',
    ),
    quoted_site=('Le texto disait : "votre compte est bloqué, connectez-vous sur {x}".',),
    cited=(
        "J'ai cherché le numéro sur {x} et d'autres l'avaient signalé.",
        "J'ai lu sur {x} que c'était une arnaque.",
        "J'avais commandé sur {x} la semaine d'avant.",
    ),
    victim_number=(
        "Mon numéro est le {x}.",
        "Ils ont appelé mon cellulaire {x}.",
        "Je leur ai donné mon numéro, le {x}.",
        "Il voulait un numéro où rappeler et je lui ai dit le {x}.",
    ),
    victim_remote=("Je lui ai donné mon ID {tool} {x}.",),
    victim_email=("Mon courriel est {x}.",),
    called_bank=("Ensuite j'ai appelé moi-même {who} au {x}.",),
    second_ring=("Une semaine plus tard, un autre voulait récupérer l'argent.",),
    nuisance=("Appel de télémarketing non sollicité.",),
    ending=("Aidez-moi.", ""),
)

PHRASES = {"en": EN, "es": ES, "de": DE, "fr": FR}
SCRIPTS = len(EN.scripts)
"""Call scripts there are; each in every language."""


def language(rng: Random, country: str) -> str:
    """Draws the language of a complaint from `country`."""
    if country == "US" and rng.random() < _SPANISH_IN_US:
        return "es"
    if country == "CA" and rng.random() < _FRENCH_IN_CA:
        return "fr"
    return LANGUAGES[country]


def quote(rng: Random, script: str, price: str) -> str:
    """Returns the script as a victim remembers it: with a price, sometimes a few words lost."""
    words = script.format(price=price).split(" ")
    if rng.random() < 0.4:
        lost = rng.randrange(len(words))
        words[lost : lost + rng.randint(1, 3)] = []
    return f'"{" ".join(words)}"'
