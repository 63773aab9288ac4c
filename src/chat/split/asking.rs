//! Words by which an instruction is known, in the languages most prompts are written in.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Bytes looked at from either end of a text.
const LOOKED_AT: usize = 240;
/// Words between a pointer and what it points at: "the following short text".
const POINTER_REACH: usize = 2;

/// Words that may stand before a request's verb.
const POLITE: &str = "please can could would you will now then first help me i want need you to kindly just \
    bitte kannst könntest du peux tu pouvez vous puedes por favor você pode puoi можешь пожалуйста";
/// Verbs of work on a text.
const WORK: &str = "summarize summarise summary shorten translate rewrite rephrase paraphrase reword proofread edit correct \
    improve polish simplify explain classify categorize categorise label tag extract list find identify count sort convert format \
    turn transform analyze analyse review evaluate rate compare answer respond reply write make give tell describe read \
    fix debug refactor optimize optimise check complete continue generate create determine decide solve parse outline \
    highlight expand elaborate interpret condense transcribe annotate grade critique detect predict choose pick name add remove \
    document test implement port clean group rank merge \
    fasse übersetze übersetz korrigiere verbessere erkläre schreibe schreib formuliere kürze vereinfache finde nenne ordne \
    analysiere bewerte beantworte prüfe zusammen \
    résume résumer résumez traduis traduire traduisez corrige corriger corrigez réécris reformule explique expliquez simplifie \
    améliore extrais analyse classe trouve réponds écris donne \
    resume resumir traduce traducir corrige corregir reescribe reformula explica simplifica mejora extrae analiza clasifica \
    encuentra responde escribe haz dame \
    resuma resumir traduza traduzir corrija reescreva reformule explique simplifique melhore extraia analise classifique encontre \
    responda escreva faça \
    riassumi riassumere traduci tradurre correggi riscrivi riformula spiega semplifica migliora estrai analizza classifica trova \
    rispondi scrivi \
    переведи переведите сократи перескажи резюмируй исправь перепиши объясни упрости улучши найди извлеки проанализируй \
    классифицируй ответь напиши сделай";
/// Words that open questions, and what politeness puts before a request.
const QUESTION: &str = "what which who whom whose where when why how is are does do did can could would will should please help \
    was wie wer wo wann warum welche welcher welches kannst können könntest könnten bitte quel quelle quels quelles que comment \
    pourquoi où quand peux pouvez pourriez est-ce qué cuál cuáles quién cómo dónde cuándo puedes podrías por qual quais quem \
    como onde quando pode poderia cosa che chi dove quali puoi potresti perché что какой какая какие кто где когда почему как \
    можешь можете пожалуйста";
/// Words that point at a text beside them.
const POINTER: &str = "this these following below above here attached provided given \
    diesen dieses diese dieser folgenden folgende folgendes folgender unten oben \
    ce cet cette ces suivant suivante suivants ci-dessous ci-dessus \
    este esta estos estas siguiente siguientes abajo seguinte seguintes abaixo deste desta \
    questo questa questi queste seguente seguenti sotto \
    этот эту это эти следующий следующую следующее следующие ниже данный";
/// What a pasted text is called.
const MATTER: &str = "text article passage paragraph paragraphs document email e-mail mail letter message review reviews story \
    transcript conversation dialogue dialog context input content data code snippet function script query log logs error abstract \
    excerpt report essay post tweet sentence sentences poem lyrics note notes contract clause headline headlines \
    summary source bio background table csv json list feedback comment comments paper chapter meeting song essay \
    artikel absatz abschnitt nachricht dokument brief aufsatz bericht \
    texte courriel extrait lettre \
    texto artículo párrafo correo carta \
    artigo parágrafo testo articolo paragrafo brano lettera \
    текст статья статью абзац письмо отрывок документ код";
/// Verbs after which "the poem" is one that does not exist yet.
const MAKING: [&str; 5] = ["write", "create", "generate", "compose", "make"];
/// What of a text's names also stands before the colon of a line that is no label of a text.
const NO_LABELS: [&str; 10] = [
    "note",
    "notes",
    "input",
    "list",
    "function",
    "query",
    "error",
    "comments",
    "context",
    "background",
];
/// What stands before the colon of a line that asks about the text above it.
const QUESTION_LABELS: [&str; 10] = [
    "q",
    "question",
    "task",
    "instruction",
    "instructions",
    "frage",
    "aufgabe",
    "pregunta",
    "вопрос",
    "domanda",
];
/// A last line that is nothing but the name of what is wanted.
const WANTED_LABELS: [&str; 9] = [
    "tl;dr",
    "tldr",
    "translation",
    "title",
    "headline",
    "keywords",
    "zusammenfassung",
    "résumé",
    "resumen",
];
/// Verbs that stand before a colon as nouns.
const ANSWER_LABELS: [&str; 7] = ["answer", "list", "label", "tag", "name", "test", "document"];
/// Instructions in scripts without spaces: verbs of work and questions.
const EASTERN_WORK: [&str; 30] = [
    "总结",
    "翻译",
    "概括",
    "摘要",
    "改写",
    "润色",
    "修改",
    "解释",
    "分析",
    "提取",
    "分类",
    "写",
    "回答",
    "请",
    "什么",
    "吗",
    "總結",
    "翻譯",
    "請",
    "要約",
    "翻訳",
    "書き",
    "説明",
    "教えて",
    "ください",
    "校正",
    "答え",
    "번역",
    "요약",
    "설명",
];
/// The same, pointing at a text.
const EASTERN_POINTERS: [&str; 16] = [
    "以下", "下面", "下列", "这段", "这篇", "上面", "此文", "这个", "這段", "這篇", "次の", "この",
    "上記", "下記", "다음", "아래",
];

/// Kinds of words, as bits.
type Kinds = u8;
const WORK_BIT: Kinds = 1;
const QUESTION_BIT: Kinds = 2;
const POINTER_BIT: Kinds = 4;
const MATTER_BIT: Kinds = 8;
const POLITE_BIT: Kinds = 16;

static KNOWN: LazyLock<HashMap<&'static str, Kinds>> = LazyLock::new(|| {
    let mut known = HashMap::new();
    for (kind, words) in [
        (WORK_BIT, WORK),
        (QUESTION_BIT, QUESTION),
        (POINTER_BIT, POINTER),
        (MATTER_BIT, MATTER),
        (POLITE_BIT, POLITE),
    ] {
        words.split_whitespace().for_each(|word| *known.entry(word).or_default() |= kind);
    }
    known
});

/// What a text was found to do, as bits.
#[derive(Debug, Default, Clone, Copy)]
struct Signs(u8);

impl Signs {
    /// A sentence begins with a verb of work.
    const WORKS: u8 = 1;
    /// A sentence begins with a question word, or ends with a question mark.
    const QUESTIONS: u8 = 2;
    /// A word such as "this" or "following" points at something.
    const POINTS: u8 = 4;
    /// It points at something that is called a text.
    const POINTS_AT_TEXT: u8 = 8;

    fn has(self, signs: u8) -> bool {
        self.0 & signs != 0
    }

    fn mark(&mut self, sign: u8) {
        self.0 |= sign;
    }
}

/// Whether a text tells or asks somebody to do something: a colon at its end, a question, or a verb of work.
pub(super) fn asks(text: &str) -> bool {
    let text = text.trim();
    if !has_words(text) {
        return is_wanted(text);
    }
    let is_open = text.ends_with([':', '：', '?', '？']);
    is_open || signs_of(text).has(Signs::WORKS | Signs::QUESTIONS)
}

/// Whether a line asks for work on the text beside it. One that ends with a colon leads to it by itself; any other has to
/// speak of a text.
pub(super) fn asks_about_a_text(line: &str) -> bool {
    let line = line.trim();
    if !has_words(line) {
        return is_wanted(line);
    }
    let signs = signs_of(line);
    let points = signs.has(Signs::QUESTIONS) && signs.has(Signs::POINTS);
    let leads_in = line.ends_with([':', '：']) && (signs.has(Signs::WORKS) || points);
    let asks = signs.has(Signs::WORKS | Signs::QUESTIONS);
    leads_in || (asks && signs.has(Signs::POINTS_AT_TEXT))
}

/// Whether a line begins with a verb of work.
pub(super) fn orders(line: &str) -> bool {
    let line = line.split(['.', '!', '?']).next().unwrap_or_default();
    signs_of(line).has(Signs::WORKS)
}

/// Two words or more; scripts without spaces are taken at their word.
fn has_words(text: &str) -> bool {
    let mut words = text.split_whitespace().filter(|word| word.contains(char::is_alphabetic));
    words.next().is_some_and(|first| !first.is_ascii()) || words.next().is_some()
}

/// One word that is an instruction: `Summarize:`, `TL;DR:`.
fn is_wanted(line: &str) -> bool {
    let label = bare(line).trim_end_matches([':', '：']).to_lowercase();
    let is_verb = of(&label) & WORK_BIT != 0 && !ANSWER_LABELS.contains(&label.as_str());
    is_verb || WANTED_LABELS.contains(&label.as_str())
}

/// Without what Markdown puts around headings.
fn bare(label: &str) -> &str {
    label.trim_matches(|c: char| c.is_whitespace() || "#*_[]".contains(c))
}

/// Reads the beginning of a text and, where it is long, its end.
fn signs_of(text: &str) -> Signs {
    let head = text.get(..text.floor_char_boundary(LOOKED_AT)).unwrap_or_default();
    let start = text.len().saturating_sub(LOOKED_AT).max(head.len());
    let tail = text.get(text.ceil_char_boundary(start)..).unwrap_or_default();
    let mut signs = Signs::default();
    for end in [head, tail] {
        if !end.is_ascii() && EASTERN_WORK.iter().any(|part| end.contains(part)) {
            signs.mark(Signs::WORKS);
            if EASTERN_POINTERS.iter().any(|part| end.contains(part)) {
                signs.mark(Signs::POINTS | Signs::POINTS_AT_TEXT);
            }
        }
        if end.contains(['?', '？']) {
            signs.mark(Signs::QUESTIONS);
        }
        end.split(['.', '!', '?', '\n', ':', ';', ',']).for_each(|sentence| signs.read(sentence));
    }
    signs
}

impl Signs {
    fn read(&mut self, sentence: &str) {
        let (mut is_opening, mut reach, mut was_article, mut makes) = (true, 0, false, false);
        for word in words(sentence) {
            let kinds = of(word);
            let has = |kind: Kinds| kinds & kind != 0;
            // "the article" points like "this article"; without an article it is only a topic.
            let is_pointed_at = has(MATTER_BIT) && (reach > 0 || was_article);
            for (is_so, sign) in [
                (is_opening && has(WORK_BIT), Self::WORKS),
                (is_opening && has(QUESTION_BIT), Self::QUESTIONS),
                (has(POINTER_BIT), Self::POINTS),
                (is_pointed_at, Self::POINTS_AT_TEXT),
            ] {
                self.mark(if is_so { sign } else { 0 });
            }
            is_opening &= has(POLITE_BIT) || (has(QUESTION_BIT) && !has(WORK_BIT));
            reach = if has(POINTER_BIT) { POINTER_REACH + 1 } else { reach }.saturating_sub(1);
            makes |= has(WORK_BIT) && MAKING.iter().any(|verb| word.eq_ignore_ascii_case(verb));
            was_article = !makes && ["the", "den", "das", "le", "el", "o", "il"].contains(&word);
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphabetic() || c == '-')).filter(|word| !word.is_empty())
}

fn of(word: &str) -> Kinds {
    match KNOWN.get(word) {
        Some(kinds) => *kinds,
        None if word.starts_with(char::is_uppercase) => {
            KNOWN.get(word.to_lowercase().as_str()).copied().unwrap_or_default()
        }
        None => 0,
    }
}

/// Whether a line's beginning, up to its colon, names what follows as a text.
pub(super) fn is_label(label: &str) -> bool {
    if label.starts_with(char::is_whitespace) {
        return false;
    }
    let label = bare(label);
    let last = words(label).last().unwrap_or_default().to_lowercase();
    let is_matter = of(&last) & MATTER_BIT != 0 && !NO_LABELS.contains(&last.as_str());
    is_matter && words(label).count() <= 3
        || ["文本", "文章", "原文", "内容", "本文", "正文"].contains(&label)
}

/// Whether a line's beginning, up to its colon, asks for the answer.
pub(super) fn is_question_label(label: &str) -> bool {
    QUESTION_LABELS.contains(&bare(label).to_lowercase().as_str())
}
