"""The words by which sentences are told apart: advertisements, claims, advice, and what speaks to machines.

Data only, as regular expressions in lower case; English, with the words for *advertisement* of some other languages.
"""

import re

__all__ = ["ADVICE", "AD_ENDS", "AD_MARKER", "AS_GIVEN", "CLAIMED", "MACHINES", "NEGATIONS", "SOLICITS", "words"]


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def _any(*phrases: str, edges: str = r"\b") -> re.Pattern[str]:
    return re.compile(f"{edges}(?:{'|'.join(phrases)}){edges}", re.IGNORECASE)


_READERS = r"(?:you|investors?|shareholders?|savers|readers)"
_TRADE = r"(?:buy|buying|sell|selling|hold|invest|act)"

AD_MARKER = _any(
    r"ads?", r"advert", r"advertisement", r"advertorial", r"sponsored(?: content| post| by .{1,60})?", r"promoted",
    r"promotion", r"paid (?:content|post)", r"anzeige", r"werbung", r"reklame", r"publicit[eé]", r"pubblicità",
    r"publicidad", r"广告", r"推广", edges=r"[\s:.!]*",
)  # fmt: skip
AD_ENDS = _any(
    r"end of (?:the )?(?:ad|advert|advertisement)", r"advertisement ends", r"article continues(?: below)?",
    r"ende der anzeige", edges=r"[\s:.!]*",
)  # fmt: skip
SOLICITS = _any(
    rf"(?:should|must|shall) (?:\w+ )?{_READERS}(?: \w+)? {_TRADE}", rf"{_READERS} (?:should|must) (?:\w+ )?{_TRADE}",
    r"worth (?:buying|selling)", r"buy,? or (?:\w+ )?sell", r"buy(?:, | or )(?:sell|hold)", r"find out what",
    r"(?:read|learn|find out|click|register|subscribe|sign up|download|order) (?:more )?(?:here|now|today)",
    r"click (?:here|below|the link)", r"free (?:\w+ )?(?:analysis|report|trial|newsletter|e-?book|guide)",
    r"urgent action", r"act (?:now|fast|quickly)", r"do(?:n't| not) miss", r"subscribe to", r"sign up (?:for|to)",
    r"secret (?:stock|share|tip)", r"speak for themselves", r"only today", r"limited offer",
    r"our (?:free|new) \w+ (?:report|tip)",
)  # fmt: skip
MACHINES = _any(
    r"(?:ignore|disregard|forget) (?:(?:all|any|your|the|these|previous|prior|earlier) )+(?:\w+ )?"
    r"(?:instructions?|rules?|prompts?)",
    r"system (?:prompt|message|note)",
    r"(?:note|notice|message|instructions?) (?:to|for) (?:\w+ )?(?:ai|language model|assistant|agent|bot)s?",
    r"(?:ai|language)[ -](?:assistant|model|agent|system)s? (?:\w+ ){0,4}(?:must|should|shall|is to|are to)",
    r"if you are an? (?:ai|assistant|language model|bot|agent)",
    r"im_start|im_end|tool_call",
)
CLAIMED = _any(
    r"reportedly", r"allegedly", r"supposedly", r"purportedly", r"apparently", r"rumou?r(?:s|ed)?", r"speculat\w+",
    r"unconfirmed", r"according to", r"in the (?:view|opinion|words) of", r"people familiar", r"sources?", r"insiders?",
    r"reports? (?:indicate|suggest|say|claim|that)",
    r"(?:is|are|was|were) (?:said|reported|believed|thought|expected|understood|rumou?red|seen|considered|likely"
    r"|set|poised|planning|considering|aiming)",
    r"appears?", r"seems?", r"will", r"(?-i:may)", r"might", r"could", r"would", r"likely", r"probably", r"possibly",
    r"perhaps", r"potential(?:ly)?", r"sa(?:y|ys|id)", r"tells?", r"told", r"wrote", r"writes", r"claim(?:s|ed|ing)?",
    r"assert(?:s|ed)?", r"argu(?:e|es|ed)", r"warn(?:s|ed)?", r"denie[sd]", r"den(?:y|ying)", r"believ(?:e|es|ed)",
    r"thinks?", r"thought", r"estimat(?:e|es|ed)", r"expect(?:s|ed|ations?)?", r"anticipat(?:e|es|ed)",
    r"predict(?:s|ed)?", r"forecast(?:s|ed)?", r"project(?:s|ed)", r"suggest(?:s|ed)?", r"indicat(?:e|es|ed)",
    r"point(?:s|ed)? to", r"highlight(?:s|ed|ing)?", r"hope[sd]?", r"promise[sd]?", r"announce[sd]? plans?",
    r"plan(?:s|ned)? to", r"aim(?:s|ed)? to", r"intend(?:s|ed)? to", r"designed to", r"call(?:s|ed) it", r"described?",
    r"maintain(?:s|ed) that", r"view(?:s|ed)? as", r"from a .{1,40} perspective",
)  # fmt: skip
_THING = (
    r"(?:move|order|deal|investment|acquisition|purchase|procurement|expansion|offensive|plan|bid|takeover|merger|step"
    r"|talks?|sale|contract|programme|program|project)"
)
#: speaks of something as given that may only have been claimed before
AS_GIVEN = _any(
    rf"(?:this|these|that|those|such)(?: an?)?(?: [\w-]+){{0,3}} {_THING}s?",
    r"the(?: [\w-]+)? (?:deal|order|purchase|acquisition|takeover|merger|bid|sale)",
)
NEGATIONS = _any(
    r"not", r"no", r"never", r"none", r"nobody", r"nothing", r"neither", r"nor", r"without", r"cannot", r"\w+n't",
    r"den(?:y|ies|ied)", r"refus\w+", r"fail(?:s|ed)?", r"hardly", r"barely", r"unlikely",
)  # fmt: skip
ADVICE = _any(
    r"(?:buy|buys|buying|sell|sells|selling)(?!-)", r"we (?:recommend|advise|suggest)",
    r"recommend(?:s|ed|ation)?", r"advis(?:e|es|ed|able)",
    r"(?:you|investors|shareholders|readers|savers) (?:should|must|ought|need to|had better|are advised)",
    r"worth (?:buying|selling|owning|holding)", r"(?:act|get out|get in|move|invest|hold) now", r"bargain",
    r"do(?:n't| not) miss", r"(?:strong|clear) (?:buy|sell|hold)", r"no-brainer", r"time to (?:invest|exit|get)",
)  # fmt: skip
