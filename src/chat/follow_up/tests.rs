//! Turns that lean on the one before, and turns that do not.

use super::*;

const STORY: &str = "Write a short story about a lighthouse keeper.";
const DOSE: &str = "What is the highest daily dose of paracetamol for an adult?";
const CODE: &str = "Write a function in Python that reverses a linked list.";

/// Turns that continue `earlier`.
fn check(earlier: &str, turns: &[&str]) {
    for turn in turns {
        let found = lean(turn, earlier);
        assert!(found.is_follow_up(), "{turn:?}: {found:?}");
    }
}

/// Turns that do not.
fn check_alone(earlier: &str, turns: &[&str]) {
    for turn in turns {
        let found = lean(turn, earlier);
        assert!(!found.is_follow_up(), "{turn:?}: {found:?}");
    }
}

/// Pairs of turns in nine languages. Single ones may be wrong; their shares may not.
#[test]
fn most_pairs_are_told() {
    #[derive(serde::Deserialize)]
    struct Pair {
        earlier: String,
        turn: String,
        follow_up: bool,
    }
    let pairs = include_str!("../../../tests/golden/leaning.jsonl").lines();
    let (mut right, mut all) = ([0.0; 2], [0.0; 2]);
    for pair in pairs.map(|line| serde_json::from_str::<Pair>(line).expect("a pair")) {
        let kind = usize::from(pair.follow_up);
        let is_right = lean(&pair.turn, &pair.earlier).is_follow_up() == pair.follow_up;
        all[kind] += 1.0;
        right[kind] += f64::from(u8::from(is_right));
    }
    let [changes, follow_ups] = [right[0] / all[0], right[1] / all[1]];
    assert!(follow_ups >= 0.95 && changes >= 0.98, "{follow_ups} {changes}");
}

#[test]
fn continuations_lean_on_what_they_continue() {
    check(STORY, &["and in French?", "why?", "shorter please", "make it rhyme", "continue"]);
    check(STORY, &["another one", "three more", "as a play", "you forgot the storm"]);
    check(STORY, &["make the keeper a woman", "give him a dog", "chapter two", "love it! go on"]);
    check(DOSE, &["what about children?", "and ibuprofen?", "is that dangerous?", "how often?"]);
    check(DOSE, &["what if I take more", "any side effects?", "he's only six", "too much?"]);
    check(CODE, &["now in Rust", "add tests", "it throws an error", "same, but with two pointers"]);
    check(CODE, &["explain the second line", "without recursion", "still not working", "step 3?"]);
    check("Classify: the food was cold", &["next: the staff was kind", "and this one: lovely"]);
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
        check_alone(earlier, &anything);
    }
}

#[test]
fn a_long_turn_speaks_for_itself() {
    let long = format!("and {}", "then the storm came over the island ".repeat(10));
    check_alone(STORY, &[&long]);
    let handed_over =
        format!("same for this one: {}", "the storm came over the island ".repeat(20));
    check("Summarise: the council met", &[&handed_over]);
}

#[test]
fn other_languages_have_their_own_words() {
    check("Schreib ein Gedicht", &["und auf Englisch?", "kürzer bitte", "noch eins", "weiter"]);
    check("Écris un poème", &["et en anglais ?", "plus court", "pourquoi ?", "continue"]);
    check("Escribe un poema", &["¿y en inglés?", "más corto", "¿por qué?", "otra vez"]);
    check("Escreva um poema sobre a chuva", &["e em inglês?", "mais curto", "continue"]);
    check("Scrivi una poesia sulla pioggia", &["e in inglese?", "più breve", "perché?"]);
    check("напиши стихотворение", &["а на английском?", "короче", "почему?", "продолжи"]);
    check("写一首诗", &["那英文呢？", "再短一点", "继续", "为什么？"]);
    check("詩を書いて", &["英語では？", "もっと短く", "続けて", "なぜ？"]);
    check_alone("Schreib ein Gedicht", &["Was ist die Hauptstadt von Peru?"]);
    check_alone("Écris un poème", &["Quelle est la capitale du Pérou ?"]);
    check_alone("Escribe un poema", &["¿Cómo se quita una mancha de vino?"]);
    check_alone("Scrivi una poesia", &["Come si toglie una macchia di vino?"]);
    check_alone("напиши стихотворение", &["Как вывести пятно от вина?"]);
    check_alone("写一首诗", &["秘鲁的首都是哪里？"]);
    check_alone("詩を書いて", &["ペルーの首都はどこですか？"]);
}
