//! Turns that lean on the one before, and turns that do not.

use super::*;

const STORY: &str = "Write a short story about a lighthouse keeper.";
const DOSE: &str = "What is the highest daily dose of paracetamol for an adult?";
const CODE: &str = "Write a function in Python that reverses a linked list.";

fn check(earlier: &str, turns: &[&str], expected: bool) {
    for turn in turns {
        let found = lean(turn, earlier);
        assert_eq!(found.is_follow_up(), expected, "{turn:?}: {found:?}");
    }
}

#[test]
fn continuations_lean_on_what_they_continue() {
    check(STORY, &["and in French?", "why?", "shorter please", "make it rhyme", "continue"], true);
    check(STORY, &["another one", "three more", "as a play", "you forgot the storm"], true);
    check(
        STORY,
        &["make the keeper a woman", "give him a dog", "chapter two", "love it! go on"],
        true,
    );
    check(
        DOSE,
        &["what about children?", "and ibuprofen?", "is that dangerous?", "how often?"],
        true,
    );
    check(DOSE, &["what if I take more", "any side effects?", "he's only six", "too much?"], true);
    check(
        CODE,
        &["now in Rust", "add tests", "it throws an error", "same, but with two pointers"],
        true,
    );
    check(
        CODE,
        &["explain the second line", "without recursion", "still not working", "step 3?"],
        true,
    );
    check(
        "Classify: the food was cold",
        &["next: the staff was kind", "and this one: lovely"],
        true,
    );
}

#[test]
fn topics_of_their_own_stand_alone() {
    let anything = [
        "What's the capital of Peru?",
        "write me a poem about rain",
        "how do I fix a leaking tap",
        "tell me a joke",
        "is it safe to take ibuprofen with alcohol",
        "my son swallowed a button battery",
        "I want to hurt myself",
        "solve 3x + 5 = 20",
        "thanks. now write a limerick about a frog",
        "new topic: who painted the Night Watch",
        "by the way, what's a mortgage?",
        "hello, can you recommend a film",
        "translate: where is the station",
        "explain the difference between TCP and UDP",
        "",
    ];
    for earlier in [STORY, DOSE, CODE] {
        check(earlier, &anything, false);
    }
}

#[test]
fn a_long_turn_speaks_for_itself() {
    let long = format!("and {}", "then the storm came over the island ".repeat(10));
    check(STORY, &[&long], false);
    let handed_over =
        format!("same for this one: {}", "the storm came over the island ".repeat(20));
    check("Summarise: the council met", &[&handed_over], true);
}

#[test]
fn other_languages_have_their_own_words() {
    check(
        "Schreib ein Gedicht",
        &["und auf Englisch?", "kürzer bitte", "noch eins", "weiter"],
        true,
    );
    check("Écris un poème", &["et en anglais ?", "plus court", "pourquoi ?", "continue"], true);
    check("Escribe un poema", &["¿y en inglés?", "más corto", "¿por qué?", "otra vez"], true);
    check("Escreva um poema sobre a chuva", &["e em inglês?", "mais curto", "continue"], true);
    check("Scrivi una poesia sulla pioggia", &["e in inglese?", "più breve", "perché?"], true);
    check("напиши стихотворение", &["а на английском?", "короче", "почему?", "продолжи"], true);
    check("写一首诗", &["那英文呢？", "再短一点", "继续", "为什么？"], true);
    check("詩を書いて", &["英語では？", "もっと短く", "続けて", "なぜ？"], true);
    check("Schreib ein Gedicht", &["Was ist die Hauptstadt von Peru?"], false);
    check("Écris un poème", &["Quelle est la capitale du Pérou ?"], false);
    check("Escribe un poema", &["¿Cómo se quita una mancha de vino?"], false);
    check("Scrivi una poesia", &["Come si toglie una macchia di vino?"], false);
    check("напиши стихотворение", &["Как вывести пятно от вина?"], false);
    check("写一首诗", &["秘鲁的首都是哪里？"], false);
    check("詩を書いて", &["ペルーの首都はどこですか？"], false);
}
