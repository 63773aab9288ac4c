//! Verdicts on good, broken and mixed answers.

use super::*;

const STREAMED: Question = Question { number: 17, is_streamed: true };
const WHOLE: Question = Question { number: 17, is_streamed: false };

/// What a provider answers, as it would be written, streamed or not.
fn body(who: usize, question: Question) -> String {
    let said = text(who, question.number);
    if !question.is_streamed {
        let choices = json!([{"message": {"content": said}, "finish_reason": "stop"}]);
        return json!({"model": model(who), "choices": choices, "usage": usage(who)}).to_string();
    }
    let words = said.split_inclusive(' ');
    let mut events: Vec<Value> = words.map(|word| piece(who, word, None)).collect();
    events.push(piece(who, "", Some("stop")));
    events.push(json!({"model": model(who), "choices": [], "usage": usage(who)}));
    let lines: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    format!("{lines}data: [DONE]\n\n")
}

fn piece(who: usize, word: &str, finish: Option<&str>) -> Value {
    json!({"model": model(who), "choices": [{"delta": {"content": word}, "finish_reason": finish}]})
}

fn reply(body: &str) -> Reply {
    Reply { status: 200, target: target(1), attempts: 1, body: body.to_owned(), is_whole: true }
}

#[track_caller]
fn check(question: Question, body: &str, expected: Verdict) {
    assert_eq!(judge(question, Some(&reply(body))), expected, "{body}");
}

#[test]
fn a_good_answer_is_served() {
    for question in [STREAMED, WHOLE] {
        check(question, &body(1, question), Verdict::Served);
    }
}

#[test]
fn no_answer_and_one_that_breaks_before_its_first_word_are_dropped() {
    assert_eq!(judge(WHOLE, None), Verdict::Dropped);
    let refused = Reply { status: 502, ..reply(&body(1, WHOLE)) };
    assert_eq!(judge(WHOLE, Some(&refused)), Verdict::Dropped);
    check(STREAMED, "data: {\"error\":{\"message\":\"no\"}}\n\n", Verdict::Dropped);
    check(STREAMED, "", Verdict::Dropped);
    check(WHOLE, "<html></html>", Verdict::Dropped);
    check(WHOLE, "{\"error\":{\"message\":\"no\"}}", Verdict::Dropped);
}

#[test]
fn an_answer_without_its_end_is_truncated() {
    let good = body(1, STREAMED);
    check(STREAMED, &good.replace("data: [DONE]\n\n", ""), Verdict::Truncated);
    check(STREAMED, &good.replace("\"stop\"", "null"), Verdict::Truncated);
    let (begin, _) = good.split_at(good.len() / 2);
    let broken = format!("{begin}\n\ndata: {{\"error\":{{\"message\":\"cut\"}}}}\n\n");
    check(STREAMED, &broken, Verdict::Truncated);
    let cut = Reply { is_whole: false, ..reply(&good) };
    assert_eq!(judge(STREAMED, Some(&cut)), Verdict::Truncated);
    check(STREAMED, &good.replacen("\"east-12\"", "\"\"", 1), Verdict::Truncated);
    check(WHOLE, &body(1, WHOLE).replace(" east-12", ""), Verdict::Truncated);
}

#[test]
fn an_answer_whose_parts_do_not_agree_is_mislabelled() {
    for question in [STREAMED, WHOLE] {
        check(question, &body(2, question), Verdict::Mislabelled);
        let good = body(1, question);
        check(question, &good.replacen("model-east", "model-west", 1), Verdict::Mislabelled);
        check(question, &good.replace(":101,", ":102,"), Verdict::Mislabelled);
        check(question, &good.replace("\"usage\"", "\"usages\""), Verdict::Mislabelled);
        let other = Question { number: 18, ..question };
        check(other, &good, Verdict::Mislabelled);
    }
    let good = body(1, WHOLE);
    check(WHOLE, &good.replace("east-7", "west-7"), Verdict::Mislabelled);
    check(WHOLE, &good.replace("east-12", "east-12 east-12"), Verdict::Mislabelled);
}

/// A stream that the provider behind the header begins and another one ends; both say `shared` pieces too many or too few.
fn taken_over(first: usize, last: usize, shared: isize) -> String {
    let (begun, gone_on) = (body(first, STREAMED), body(last, STREAMED));
    let cut = 6_usize;
    let head = begun.split_inclusive("\n\n").take(cut.saturating_add_signed(shared));
    head.chain(gone_on.split_inclusive("\n\n").skip(cut)).collect()
}

#[test]
fn of_an_answer_that_another_one_ended_the_words_decide() {
    check(STREAMED, &taken_over(1, 3, 0), Verdict::Served);
    // A piece twice, a piece too few, and a beginning that is not whose the header says.
    check(STREAMED, &taken_over(1, 3, 1), Verdict::Mislabelled);
    check(STREAMED, &taken_over(1, 3, -1), Verdict::Mislabelled);
    check(STREAMED, &taken_over(2, 3, 0), Verdict::Mislabelled);
    let good = taken_over(1, 3, 0);
    check(STREAMED, &good.replacen("model-west", "model-south", 1), Verdict::Mislabelled);
    check(STREAMED, &good.replace("west-7", "south-7"), Verdict::Mislabelled);
    check(STREAMED, &good.replace(":103,", ":101,"), Verdict::Mislabelled);
    check(STREAMED, &good.replace("data: [DONE]\n\n", ""), Verdict::Truncated);
}
