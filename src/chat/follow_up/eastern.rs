//! Chinese and Japanese write no spaces, so their signs are searched as pieces of the turn.

use super::super::language::Lang;
use super::{NEEDED, PLAIN, TURNING};

/// Longest turn in characters that may be a follow-up.
const CHARS_MAX: usize = 30;
/// Up to here a turn with a sign needs no other.
const CHARS_SHORT: usize = 16;

struct Signs {
    /// A turn that begins so goes on.
    openings: &'static [&'static str],
    /// A short turn with this in it goes on.
    anywhere: &'static [&'static str],
    /// Brings its own topic.
    own: &'static [&'static str],
    /// Turns to something else.
    turning: &'static [&'static str],
}

const CHINESE: Signs = Signs {
    openings: &[
        "那",
        "还有",
        "還有",
        "再",
        "继续",
        "繼續",
        "为什么",
        "為什麼",
        "而且",
        "但是",
        "可是",
        "也",
        "更",
        "换",
        "換",
        "如果",
        "比如",
        "用",
        "改成",
        "翻译成",
        "翻譯成",
        "它",
        "这",
        "這",
        "详细",
        "好的",
        "谢谢",
        "可以",
        "第",
        "接着",
        "所以",
        "另外",
        "同样",
    ],
    anywhere: &[
        "呢",
        "一点",
        "一點",
        "一些",
        "这个",
        "這個",
        "那个",
        "那個",
        "它",
        "上面",
        "刚才",
        "剛才",
        "同样",
        "再来",
        "再來",
        "继续",
        "另一个",
        "其他",
        "别的",
        "例子",
        "更",
        "也",
        "这样",
        "這樣",
        "那样",
        "第二",
        "第三",
        "最后一",
        "他们",
        "她",
        "你说",
        "重写",
        "短",
        "简单",
    ],
    own: &[
        "写一",
        "寫一",
        "什么是",
        "什麼是",
        "的首都",
        "推荐",
        "推薦",
        "帮我写",
        "介绍一下",
        "我想",
        "我的",
    ],
    turning: &["换个话题", "換個話題", "另一个问题", "顺便问", "别的问题", "不相关"],
};

const JAPANESE: Signs = Signs {
    openings: &[
        "では",
        "じゃあ",
        "じゃ",
        "それ",
        "これ",
        "その",
        "この",
        "そして",
        "でも",
        "また",
        "もっと",
        "もう",
        "続け",
        "なぜ",
        "どうして",
        "次",
        "他",
        "ほか",
        "同じ",
        "あと",
        "はい",
        "ありがと",
        "例えば",
        "もし",
        "具体的",
        "短く",
        "詳しく",
        "簡単に",
    ],
    anywhere: &[
        "それ",
        "これ",
        "もっと",
        "もう一",
        "続き",
        "は？",
        "短く",
        "長く",
        "簡単に",
        "詳しく",
        "同じ",
        "別の",
        "他に",
        "二番目",
        "三番目",
        "最後の",
        "上の",
        "さっき",
        "語で",
        "例を",
        "も？",
    ],
    own: &["とは何", "首都", "書いてください", "作ってください", "おすすめ", "私の", "についての"],
    turning: &["話は変わ", "別の話", "別の質問", "ところで", "話題を変え"],
};

/// Points of a turn in one of the two; nothing for other languages.
pub(super) fn points(language: Lang, turn: &str) -> Option<i8> {
    let signs = match language {
        Lang::Chinese => &CHINESE,
        Lang::Japanese => &JAPANESE,
        _ => return None,
    };
    let length = turn.chars().count();
    let has = |parts: &[&str]| parts.iter().any(|part| turn.contains(part));
    if has(signs.turning) {
        return Some(TURNING);
    }
    if length > CHARS_MAX {
        return Some(0);
    }
    let opens = signs.openings.iter().any(|part| turn.starts_with(part));
    let goes_on = opens || (length <= CHARS_SHORT && has(signs.anywhere));
    let own = if has(signs.own) { PLAIN - 1 } else { 0 };
    Some(if goes_on { NEEDED } else { 0 } - own)
}
