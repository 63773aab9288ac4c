//! The small words by which languages in Latin letters are told apart.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::Lang;

/// For each language the words that hold its sentences together, and what people open a request with. A word may stand in
/// several lists. Words of one letter are left out: formulas are full of them.
const LISTS: [(Lang, &str); 18] = [
    (
        Lang::English,
        "the of and to in is that it for he only it's i'll im ive dont cant was on are as with his they at be this have from or had by but what all were \
         we when your can there an which how their if will each about out them then she many some so these would other \
         into has more her him could my than been who its now find did get come made may do does not you me no why where \
         i'm don't it's whats please help need want write give tell make explain should any also just like because after \
         before our give create using use between without while best",
    ),
    (
        Lang::German,
        "der die das und ist nicht ich du er sie wir ihr ein eine einen einem einer eines mit auf für von zu den dem des im \
         wie was warum wer wo wann auch aber oder wenn dass kann kannst können könntest mir mich dir dich uns sich sein hat habe \
         haben bin bist sind war wird werden noch nur mehr sehr bitte über nach bei aus durch um als bis schreibe \
         schreib erkläre mein meine meinen meiner gibt gib zum zur vom jetzt mal doch so kein keine welche welcher \
         welches soll muss warum danke hallo ja nein dann deutsch etwas alle",
    ),
    (
        Lang::French,
        "le la les des de du un une et est pas que qui dans pour sur avec ce cette ces je tu il elle nous vous ils au aux \
         par plus ne se son sa ses mon ma mes ton ta tes mais ou où comment pourquoi quel quelle quels quelles quand peux \
         peut pouvez fais fait écris écrire être avoir ai as ont sont suis en moi toi leur leurs comme si très bien \
         merci bonjour svp donne explique peut-être aussi sans entre était oui non faut faire français même deux rédige \
         veux puis alors encore",
    ),
    (
        Lang::Spanish,
        "el la los las de del un una unos unas y que en es por para con no se su sus lo le les me te mi tu como cómo qué \
         cuál cuáles quién cuándo dónde porque pero más muy este esta esto estos estas ese esa eso hay ser está están son \
         soy eres fue tiene tengo puedes puede hacer haz escribe dame explica al sin sobre entre también ya cuando gracias \
         hola favor sí ahora otro otra nos ha han español quiero necesito desde hasta si",
    ),
    (
        Lang::Portuguese,
        "o os as de do da dos das um uma uns umas e que em é no na nos nas por para com não se seu sua seus suas mais muito \
         como você vocês eu ele ela isso isto este esta esse essa são está foi ser tem tenho pode fazer faça escreva me \
         meu minha ao aos pelo pela sem sobre entre também já quando qual quais quem onde porque mas ou obrigado obrigada \
         olá favor sim agora outro outra português quero preciso até explique dê invente",
    ),
    (
        Lang::Italian,
        "il lo la gli le di del della dei delle degli un una uno che è per con non si su nel nella nei sono come cosa perché \
         chi dove quando quale quali più anche ma se mi ti ci vi mio mia tuo tua suo sua questo questa questi queste \
         quello quella al alla ai alle da dal dalla ha hai ho hanno essere fare puoi può scrivi scrivere dammi spiega \
         grazie ciao favore sì adesso ora altro altra italiano voglio tra fra molto ed agli tutto",
    ),
    (
        Lang::Dutch,
        "de het een en van is dat niet ik je jij hij zij wij ze we op te in met voor aan er maar om ook als dan bij uit naar \
         door over kan kunt hoe wat waarom wie waar wanneer welke deze dit die mijn jouw zijn haar ons hun heb hebt heeft \
         hebben ben bent was wordt worden nog wel geen meer zou moet schrijf geef leg graag dank hallo ja nee nu alsjeblieft \
         nederlands tussen zonder mij",
    ),
    (
        Lang::Swedish,
        "och att det är en ett som på av för med den till inte om har jag du han hon vi ni de var kan hur vad varför vem när \
         vilken vilket vilka från men eller så mig dig sig min mitt mina din ditt ska skall vara skriv ge förklara hej tack \
         ja nej nu också utan mellan mycket mer svenska detta denna snälla",
    ),
    (
        Lang::Danish,
        "og at det er en et som på af for med den til ikke om har jeg du han hun vi de var kan hvordan hvad hva hvorfor hvem \
         hvor når hvilken hvilke hvilket fra men eller så mig meg dig deg sig seg min mit mine din dit skal være skriv \
         giv forklar hej hei tak takk ja nej nei nu nå også uten uden mellem mellom meget mer mere dansk norsk dette denne",
    ),
    (
        Lang::Finnish,
        "ja on ei se että en minä sinä hän me te he oli mitä mikä miten miksi kuka missä milloin joka jos kun niin myös mutta \
         tai voi voit voitko ole olen olet olla tämä tuo nämä minun sinun kirjoita kerro selitä anna kiitos hei kuin sekä \
         nyt vain suomeksi ovat",
    ),
    (
        Lang::Polish,
        "i w na z się nie to że jest do jak co dla od po za o ale czy przez tym jego jej ich są był była było być mam masz ma \
         może możesz mi mnie ci cię mój moja moje twój kto gdzie kiedy dlaczego jaki jaka jakie który która które napisz \
         wyjaśnij podaj proszę dziękuję cześć tak bardzo więcej też tylko lub oraz teraz polsku",
    ),
    (
        Lang::Czech,
        "se na je že to ve do jak co pro od po za ale jako jsem jsi jsou byl byla bylo být mám máš má může můžeš mi mně tě ti \
         můj moje tvůj kdo kde kdy proč jaký jaká jaké který která které napiš vysvětli prosím děkuji ahoj ano ne velmi více \
         také jen nebo teď česky podle při jeho její jejich by aby není ktorý sú som ako prečo čo",
    ),
    (
        Lang::Croatian,
        "je se na da su za od sa što kako koji koja koje nije ali ili kao sam si smo ste bio bila bilo biti imam ima može \
         možeš mi me ti te moj moja tvoj tko ko gdje gde kada zašto napiši objasni molim hvala bok zdravo ne vrlo više \
         također samo sada hrvatskom srpskom treba nek mogu ovaj ova ovo",
    ),
    (
        Lang::Hungarian,
        "az és hogy nem van egy ez azt meg is de ha mint csak már még vagy volt én te mi ti ők ki mit hogyan miért hol mikor \
         melyik milyen írj mondd magyarázd kérlek köszönöm szia igen nagyon több lehet kell nekem neked magyarul lesz fel",
    ),
    (
        Lang::Romanian,
        "și în de la cu pe nu este că un o ce care din pentru mai sunt se să ai am are fi fost cum unde când cine dar sau mă \
         te îmi îți meu mea tău ta scrie explică dă vreau vă mulțumesc bună da foarte acum română acest această lui ei",
    ),
    (
        Lang::Turkish,
        "bir ve bu da de için ile ne mi mı mu mü çok daha gibi var yok ben sen biz siz onlar nasıl neden niçin kim nerede \
         hangi kadar ama veya ya olarak olan değil bana sana benim senin yaz yazar açıkla ver lütfen teşekkürler merhaba \
         evet hayır şimdi sonra hakkında türkçe misin şiir",
    ),
    (
        Lang::Indonesian,
        "yang dan di ini itu dengan untuk tidak dari dalam akan pada adalah ke saya kamu anda dia kami kita mereka bisa apa \
         bagaimana mengapa kenapa siapa mana kapan atau tapi tetapi juga sudah belum ada oleh sebagai tolong buatkan buat \
         tulis jelaskan berikan terima kasih halo ya bukan lebih sangat lagi seperti karena jika bahasa",
    ),
    (
        Lang::Vietnamese,
        "là của và có cho không tôi bạn một những các được trong với này người đã để khi như thì về từ ra vào làm gì sao thế \
         nào đâu ai viết hãy giải thích cảm ơn xin chào rất nhiều hơn cũng nhưng hoặc đến năm bài câu tiếng mình theo",
    ),
];

/// Letters that few languages share; a name may bring one, so that they only help.
const LETTERS: [(Lang, &str); 12] = [
    (Lang::German, "ßäöü"),
    (Lang::French, "çèêœ"),
    (Lang::Spanish, "ñ¿¡"),
    (Lang::Portuguese, "ãõç"),
    (Lang::Swedish, "åäö"),
    (Lang::Danish, "æøå"),
    (Lang::Polish, "łżźśńąę"),
    (Lang::Czech, "řěů"),
    (Lang::Hungarian, "őű"),
    (Lang::Romanian, "țșă"),
    (Lang::Turkish, "ğış"),
    (Lang::Vietnamese, "ơưđ"),
];

/// The languages that have a word, one bit each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Languages(u32);

impl Languages {
    pub(super) const COUNT: usize = LISTS.len();

    pub(super) fn name(at: usize) -> Option<Lang> {
        LISTS.get(at).map(|(language, _)| *language)
    }

    pub(super) fn count(self) -> u32 {
        self.0.count_ones()
    }

    pub(super) fn only(language: Lang) -> Self {
        let at = LISTS.iter().position(|(known, _)| *known == language);
        Self(at.map_or(0, |at| 1 << at))
    }

    pub(super) fn has(self, language: Lang) -> bool {
        self.0 & Self::only(language).0 != 0
    }

    pub(super) fn each(self, mut see: impl FnMut(usize)) {
        let mut left = self.0;
        while left != 0 {
            see(left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

static KNOWN: LazyLock<HashMap<&'static str, Languages>> = LazyLock::new(|| {
    let mut known: HashMap<&str, Languages> = HashMap::new();
    for (at, (_, words)) in LISTS.iter().enumerate() {
        for word in words.split_whitespace().filter(|word| word.chars().nth(1).is_some()) {
            known.entry(word).or_default().0 |= 1 << at;
        }
    }
    known
});

/// A word, written small, as the lists have it, and the languages that do.
pub(super) fn languages_of(word: &str) -> Option<(&'static str, Languages)> {
    KNOWN.get_key_value(word).map(|(known, languages)| (*known, *languages))
}

/// The languages of which a text has a telling letter.
pub(super) fn letters_of(text: &str) -> Languages {
    let found =
        LETTERS.iter().filter(|(_, letters)| letters.chars().any(|letter| text.contains(letter)));
    found.fold(Languages::default(), |all, (language, _)| {
        Languages(all.0 | Languages::only(*language).0)
    })
}
