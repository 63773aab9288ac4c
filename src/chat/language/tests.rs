//! Sentences and fragments, and what is in no language.

use super::*;

fn check(text: &str, expected: Option<&str>) {
    assert_eq!(language_of(text).map(Lang::code), expected, "{text}");
}

#[test]
fn whole_sentences_are_told() {
    check("write a short story about a dragon who is afraid of the dark", Some("en"));
    check("Schreibe eine kurze Geschichte über einen Drachen, der Angst hat", Some("de"));
    check("Rédige un poème sur la pluie", Some("fr"));
    check("¿Cuál es la capital de Perú?", Some("es"));
    check("Escreva uma história curta sobre o mar para crianças", Some("pt"));
    check("Scrivi una breve storia di un gatto che ha paura della pioggia", Some("it"));
    check("Schrijf een kort verhaal over een draak die bang is", Some("nl"));
    check("Skriv en kort historia om en drake som är rädd för mörkret", Some("sv"));
    check("Napisz krótkie opowiadanie o smoku, który boi się ciemności", Some("pl"));
    check("Vymysli příběh o chlapci, který má sestru", Some("cs"));
    check("Bana yağmur hakkında bir şiir yaz", Some("tr"));
    check("hãy viết cho tôi một bài thơ về mưa", Some("vi"));
    check("Tolong buatkan puisi tentang hujan untuk saya", Some("id"));
    check("Hogyan kell egy jó verset írni?", Some("hu"));
}

#[test]
fn scripts_are_told() {
    check("写一首关于春天的诗", Some("zh"));
    check("春の俳句を作ってください", Some("ja"));
    check("비에 대한 시를 써줘", Some("ko"));
    check("напиши стихотворение о дожде", Some("ru"));
    check("напиши вірш про дощ і ліс", Some("uk"));
    check("اكتب قصيدة عن المطر", Some("ar"));
    check("یک شعر فارسی بساز", Some("fa"));
    check("כתוב שיר על הגשם", Some("he"));
    check("γράψε ένα ποίημα για τη βροχή", Some("el"));
    check("बारिश पर एक कविता लिखो", Some("hi"));
    check("เขียนบทกวีเกี่ยวกับฝน", Some("th"));
    check("用python写一个flask的getattr调用", Some("zh"));
}

#[test]
fn fragments_are_told_when_they_can_be() {
    check("warum?", Some("de"));
    check("und auf Deutsch?", Some("de"));
    check("pourquoi ?", Some("fr"));
    check("¿y en francés, por favor?", Some("es"));
    check("why?", Some("en"));
    check("shorter", None);
}

#[test]
fn foreign_words_do_not_change_the_language_around_them() {
    check("What does 'Schadenfreude' mean?", Some("en"));
    check("Translate 你好 to English please", Some("en"));
    check("Who wrote Cien años de soledad and when was it published?", Some("en"));
    check("Prove that the angle α plus the angle β is 90 degrees", Some("en"));
}

#[test]
fn code_formulas_and_names_have_no_foreign_language() {
    for text in [
        "x^2 + 3x + 2 = 0",
        "\\int_0^1 \\alpha e^{-\\beta x} dx",
        "Tim Cook Steve Jobs",
        "García Márquez, Müller, Škoda",
        "fn main() { let mut os = Vec::new(); os.push(1); }",
        "SELECT id, nom, ville FROM clients WHERE ville = 'Paris'",
        "const el = document.querySelector('#main'); el.innerHTML = '';",
        "",
        "42",
        "🙂🙂",
    ] {
        let found = language_of(text);
        assert!(matches!(found, None | Some(Lang::English)), "{text}: {found:?}");
    }
}

/// Not a measurement, but a guard against reading whole turns.
#[test]
fn only_the_beginning_is_read() {
    let long = "é".repeat(5_000_000);
    assert_eq!(language_of(&long), None);
}
