//! English.

use super::{Kinds, Source};

pub(super) const SOURCE: Source = Source {
    words: &[
        (
            Kinds::PREFACE,
            "and but or also plus then so now ok okay k alright right great cool nice perfect good awesome lovely thanks thank \
             thx ty hmm hm oh ah wait actually well yes yeah yep no nope sure sorry please pls kindly don't dont just maybe perhaps can \
             could would will you i mean meant interesting wow got lol haha though fine",
        ),
        (Kinds::JOINS, "and but or also plus then instead"),
        (
            Kinds::REACTS,
            "ok okay alright great cool nice perfect awesome lovely thanks thank thx hmm hm oh ah wait actually well yes yeah \
             yep no nope sure sorry so now interesting wow got lol haha right",
        ),
        (
            Kinds::SMALL,
            "a an the of to in on at by for from with without as into about is are was were be been being am do does did done \
             have has had can could would should will shall may might must not don't doesn't didn't isn't aren't won't can't \
             cannot i me you we us my your our i'm i'd i've you're there here if because than very really so too just only any \
             some all no none every each much many lot bit little more less most least also and or but then when while what \
             which who why where how what's whats that's thats it's let lets let's like get got go going use need want know think \
             mean say said put see try tried please again up out over off down way thing things something anything \
             please sure ok else still yet ever never now kind sort such please able enough possible better best worse worst \
             good bad right wrong same different love like hate one two three four five six seven eight nine ten \
             hundred few couple",
        ),
        (
            Kinds::PRONOUN,
            "it its it's it'll it'd that that's thats that'll this these those them they their they're they've they'd he she \
             him her his hers he's she's he'd she'd he'll she'll itself theirs ones both former latter thereof",
        ),
        (
            Kinds::ASKS,
            "what which who whom whose why where when how what's whats who's is are do does did can",
        ),
        (
            Kinds::LINKS,
            "in between with without for as to from by on at like about using into except until under over within between per not only \
             if unless since because via than of",
        ),
        (
            Kinds::COMPARES,
            "more less fewer shorter longer simpler better worse cheaper faster slower easier harder funnier darker happier \
             sadder bigger smaller larger clearer stronger weaker warmer nicer scarier healthier safer softer brighter sharper \
             deeper wider higher lower older younger friendlier politer kinder tighter looser cleaner lighter heavier earlier \
             later further tamer punchier catchier snappier angrier spicier milder another again same next previous other others \
             different even too slightly somewhat much half twice first second third fourth fifth last another remaining rest \
             alternative alternatives similar likewise backwards any anything something",
        ),
        (
            Kinds::WORKS,
            "summarize summarise translate explain rewrite rephrase reword shorten simplify expand elaborate continue convert \
             repeat clarify extend format reformat refine improve redo retry undo finish proceed condense justify compare \
             paraphrase polish tighten lengthen proofread tldr describe respond reply answer say write read run check verify \
             summary translation explanation show try start stop",
        ),
        (
            Kinds::CHANGES,
            "add remove delete change replace include keep fix drop skip swap rename cut mention highlight insert focus limit \
             avoid bold cite capitalize capitalise move merge split combine reverse reorder sort shuffle adjust tweak update \
             edit correct modify exclude ignore omit make turn use put refactor optimize optimise comment indent sign address",
        ),
        (
            Kinds::MAKES,
            "write create compose draft generate build design tell give recommend suggest plan make find show teach help need \
             want i'd like looking draw come think get",
        ),
        (
            Kinds::PART,
            "ending beginning opening title chorus verse verses stanza line lines paragraph paragraphs sentence sentences word \
             words step steps point points part parts section sections example examples version versions output code function \
             loop variable result results answer answers reply response solution proof formula character characters hero villain \
             plot twist tone rhyme table list summary translation draft text email letter poem story essay conclusion \
             introduction intro bug error test tests effects effect side dose dosage difference option options question \
             questions detail details reason reasons source sources idea ideas alternative alternatives column row bullet bullets \
             item items number names name topic comments comment hint hints pros cons advantages disadvantages recipe joke \
             explanation assumption assumptions calculation sequel outline headline subject greeting closing signature tips tip \
             method approach symptoms risk risks chapter scene act stanzas numbers",
        ),
        (
            Kinds::FORM,
            "french german spanish english italian portuguese russian chinese japanese korean arabic dutch polish turkish hindi \
             latin swedish greek python javascript typescript java rust golang sql bash json yaml csv xml html markdown latex \
             table tables bullet bullets list prose haiku limerick sonnet rhyme rhymes tweet email poem paragraph sentence \
             sentences words word formal informal casual polite friendly professional neutral funny serious sarcastic dramatic \
             technical simple plain short long brief concise detailed specific vague precise clear catchy creative scary sad happy \
             kid kids child children beginner beginners expert experts adults teenager year old layman's layman terms \
             uppercase lowercase caps capitals emoji emojis jargon rhyming tense person depth full code pseudocode \
             shorten sound sounds work works true dangerous safe risky normal serious help helps help matter mean means happen \
             happens cost costs long often far old big sense apply applies exactly different wrong hurt common likely",
        ),
        (Kinds::DEFINITE, "the your that this these those"),
        (Kinds::INDEFINITE, "a an some"),
        (Kinds::OWNS, "my our"),
        (
            Kinds::ADDS,
            "too also either instead again else though still anymore otherwise already likewise",
        ),
        (
            Kinds::TIME,
            "week month year days weeks months years weekend morning afternoon evening night summer winter spring autumn fall time day today tonight \
             season quarter monday tuesday wednesday thursday friday saturday sunday",
        ),
        (Kinds::NUMBER, "one two three four five six seven eight nine ten b c d"),
        (Kinds::TRAILS, "there here so one then"),
        (Kinds::TIES, "of between in on for about behind"),
        (
            Kinds::STATED,
            "is isn't are aren't was wasn't were must should shouldn't needs need has have had doesn't don't can can't could \
             would will won't sounds seems feels looks reads",
        ),
        (Kinds::STATES, "sure know think so such say believe claim assume mean"),
        (Kinds::GREETS, "hi hello hey greetings hiya"),
    ],
    continuing: &[
        " what about ",
        " how about ",
        " what if ",
        " what else ",
        " anything else ",
        " more detail",
        " tell me more ",
        " go on ",
        " keep going ",
        " go ahead ",
        " go deeper ",
        " try again ",
        " one more ",
        " do it again ",
        " same for ",
        " same thing ",
        " the same ",
        " do the same ",
        " like that ",
        " why not ",
        " how come ",
        " how soon ",
        " general rule ",
        " which one ",
        " second one ",
        " first one ",
        " third one ",
        " last one ",
        " other one ",
        " next one ",
        " better one ",
        " different one ",
        " another one ",
        " are you sure ",
        " double check ",
        " give me an example ",
        " an example ",
        " for example ",
        " in other words ",
        " too long ",
        " too short ",
        " not what i ",
        " i meant ",
        " as well ",
        " like i'm ",
        " eli5 ",
        " forgot to mention ",
        " already tried ",
        " tried that ",
        " you said ",
        " you wrote ",
        " you gave ",
        " you mentioned ",
        " you just ",
        " why did you ",
        " why do you ",
        " what do you mean ",
        " how did you ",
        " where did you ",
        " says so ",
        " think so ",
        " i already ",
        " i've already ",
        " love it ",
        " like it ",
        " you suggested ",
        " you used ",
        " you did ",
        " your answer ",
        " your response ",
        " your last ",
        " your previous ",
        " your code ",
        " your explanation ",
        " your example ",
        " your list ",
        " your version ",
        " your solution ",
        " your suggestion ",
        " so far ",
        " a bit more ",
        " a bit less ",
        " a bit too ",
        " a little more ",
        " a little less ",
        " rather not ",
        " i'd prefer ",
        " i prefer ",
        " a version ",
        " leave out ",
        " take out ",
        " don't understand ",
        " don't get ",
        " doesn't work ",
        " didn't work ",
        " not working ",
        " such as ",
        " more like ",
        " less like ",
        " step by step ",
        " from scratch ",
        " in that case ",
        " by that ",
        " of them ",
        " one of those ",
        " shorter ",
        " longer ",
        " simpler ",
        " rephrase ",
        " elaborate ",
        " i mean ",
        " of those ",
        " each of ",
        " between the two ",
        " the two ",
        " all three ",
        " both of ",
    ],
    turning: &[
        " new topic ",
        " different topic ",
        " another topic ",
        " different question ",
        " another question ",
        " new question ",
        " unrelated ",
        " changing the subject ",
        " change the subject ",
        " change of subject ",
        " on another note ",
        " on a different note ",
        " something else entirely ",
        " something completely different ",
        " switching gears ",
        " switching topics ",
        " by the way ",
        " btw ",
        " off topic ",
        " never mind ",
        " nevermind ",
        " forget that ",
        " forget it ",
        " forget about ",
        " moving on ",
        " separate question ",
        " separately ",
        " totally different ",
        " completely different ",
        " start over with ",
        " let's talk about ",
        " next question ",
    ],
    you: &["you"],
    the: &["the"],
    relative: &[
        "shorter",
        "longer",
        "simpler",
        "better",
        "cheaper",
        "faster",
        "slower",
        "easier",
        "harder",
        "funnier",
        "darker",
        "happier",
        "sadder",
        "bigger",
        "smaller",
        "larger",
        "clearer",
        "stronger",
        "safer",
        "softer",
        "older",
        "younger",
        "lighter",
        "heavier",
        "another",
        "similar",
        "anything",
        "something",
    ],
};
