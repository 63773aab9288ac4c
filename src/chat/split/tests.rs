//! Turns with and without a pasted part.

use proptest::prelude::*;

use super::*;

/// Nobody could take this for an instruction.
const PASTED: &str = "The council met on Tuesday and heard from eleven residents. Most of them spoke of the noise that \
    comes from the bridge at night, and of the lorries that have begun to use the lane behind the school. A decision was \
    put off until the engineers have counted the traffic over two weeks.";

/// The instruction expected around `PASTED`; `None` when the turn stays whole.
fn check(turn: &str, expected: Option<[&str; 2]>) {
    let turn = turn.replace("PASTED", PASTED);
    let found = split(&turn);
    assert_eq!(found.map(|parts| [parts.before, parts.after]), expected, "{turn}");
    if let Some(parts) = found {
        assert!(parts.payload.contains("eleven residents"), "{}", parts.payload);
    }
}

#[test]
fn marked_text_is_told_from_the_instruction() {
    check("Fix the tone of this:\n```\nPASTED\n```", Some(["Fix the tone of this:", ""]));
    check("```\nPASTED\n```\nWhy is this so long?", Some(["", "Why is this so long?"]));
    check("Summarise <doc id=1>\nPASTED\n</doc> in one line.", Some(["Summarise", "in one line."]));
    check(
        "<document>PASTED</document>\n<question>Who was heard?</question>",
        Some(["", "<question>Who was heard?</question>"]),
    );
    check(
        "Reply to this mail politely.\n> PASTED\n> yours",
        Some(["Reply to this mail politely.", ""]),
    );
    check("Which claim is wrong?\n\n> PASTED", Some(["Which claim is wrong?", ""]));
    check("Is it formal? \"PASTED\"", Some(["Is it formal?", ""]));
    check(
        "Answer from the article.\n\nArticle: PASTED\n\nQuestion: who was heard?",
        Some(["Answer from the article.\n\nArticle", "Question: who was heard?"]),
    );
    check("Text: PASTED\nTL;DR:", Some(["Text", "TL;DR:"]));
}

#[test]
fn lines_that_speak_of_a_text_are_told_from_it() {
    check("Translate into French: PASTED", Some(["Translate into French:", ""]));
    check(
        "Please summarise the following text.\n\nPASTED",
        Some(["Please summarise the following text.", ""]),
    );
    check("PASTED\n\nShorten the text above.", Some(["", "Shorten the text above."]));
    check("PASTED\n\nTL;DR:", Some(["", "TL;DR:"]));
    check("Fasse diesen Text zusammen:\nPASTED", Some(["Fasse diesen Text zusammen:", ""]));
    check("Traduis ce texte en anglais :\nPASTED", Some(["Traduis ce texte en anglais :", ""]));
    check("Resume el siguiente texto:\nPASTED", Some(["Resume el siguiente texto:", ""]));
    check("请总结以下文章：\nPASTED", Some(["请总结以下文章：", ""]));
    check("次の文章を要約してください。\nPASTED", Some(["次の文章を要約してください。", ""]));
    check("Переведи этот текст:\nPASTED", Some(["Переведи этот текст:", ""]));
}

#[test]
fn requests_without_a_pasted_part_stay_whole() {
    let story =
        "My daughter has had a fever since Tuesday and now she has a rash on both arms. ".repeat(4);
    for turn in [
        "Translate into French: good morning",
        &format!("{story}\n\nWhat should I do?"),
        &format!("What should I do?\n\n{story}"),
        &format!("Here is my problem: {story}"),
        &"Write a poem about a bridge. It should have four verses and speak of lorries. ".repeat(5),
        &format!("You are a judge.\n\n{story}\n\nStay in your role."),
        &format!("def f(text):\n    \"\"\"{story}\"\"\"\n"),
        &format!("```\n{story}\n```"),
        &format!("Which of the following is true?\nA. {story}\nB. {story}"),
        &format!("On a shelf there are five books: {story}"),
        &"a < b > c </b> ".repeat(40),
    ] {
        assert_eq!(split(turn), None, "{turn}");
    }
}

/// Work that grows with the square of the turn would take minutes here.
#[test]
fn hostile_turns_take_linear_time() {
    for unit in [
        "```\n", "\"", "<a>", "<a ", "</a>", "> ", "\n>", ":", "Text:\n", "“", "\"\"\"", "this: ",
        "\n",
    ] {
        let turn = format!("Explain this: {}", unit.repeat(10_000_000 / unit.len()));
        let found = split(&turn);
        assert!(found.is_none_or(|parts| parts.payload.len() <= turn.len()), "{unit:?}");
    }
}

proptest! {
    #[test]
    fn parts_are_pieces_of_the_turn_in_order(
        pieces in prop::collection::vec(
            prop_oneof![
                "(?s).{0,60}", "[a-z ]{0,200}", Just("```".to_owned()), Just("\n".to_owned()),
                Just("<doc>".to_owned()), Just("</doc>".to_owned()), Just("\"".to_owned()),
                Just("Summarise this text:".to_owned()), Just("：".to_owned()), Just("\n> ".to_owned()),
            ],
            0..24,
        )
    ) {
        let turn = pieces.concat();
        if let Some(parts) = split(&turn) {
            let order = [parts.before, parts.payload, parts.after].map(|part| part.as_ptr() as usize - turn.as_ptr() as usize);
            prop_assert!(order.is_sorted());
            prop_assert!(!parts.payload.is_empty());
            prop_assert!(!parts.before.is_empty() || !parts.after.is_empty());
        }
    }
}
