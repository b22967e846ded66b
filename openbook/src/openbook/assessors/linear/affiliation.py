"""The author block: what stands between title and abstract or in the first page's notes, and which institutions it names.

Institutions are told by their words (university, institute, hospital), by names of companies and their legal forms, and
by the domains of e-mail addresses. No learned weights: each decision can be read here.
"""

from __future__ import annotations

import re
from typing import Final

from openbook.papers.paper import Paper, Sentence
from openbook.text import one_line

_LONGEST: Final = 4000
_FIRST_PAGE: Final = 9000
_PROSE: Final = 9
_ABSTRACT: Final = re.compile(
    r"^\W*(?:\d\.?\s*)?(?:a\s?b\s?s\s?t\s?r\s?a\s?c\s?t|introduction|summary|keywords)\b", re.IGNORECASE
)

_ACADEMIC: Final = re.compile(
    r"\bunivers\w*|\buniv\.?\b|\bcolleges?\b|\bcoll[eè]ge\b|\binstitut\w*|\bschool of\b|\b[ée]cole\b|\bpolytech\w*|\bpolit[eé]cnic\w*|\bfacult\w+|\bhochschule\b|\bacadem(?:y|ia)\b"
    r"|\bhospitals?\b|\bclinic\b|\bmedical cent(?:er|re)\b|\bnational (?:research |key )?(?:lab\w*|cent(?:er|re)|council)|\bkey laboratory\b|\bmax[- ]planck|\bfraunhofer\b|\bhelmholtz\b|\baerospace center\b"
    r"|\binria\b|\bcnrs\b|\bcea\b|\bcsiro\b|\bnicta\b|\bdata61\b|\bcwi\b|\bidsia\b|\bdfki\b|\brik[eé]n\b|\baist\b|\ba\*star\b|\bidiap\b|\bkaist\b|\bpostech\b|\bunist\b|\bgist\b|\bdgist\b|\bkist\b"
    r"|\beth\b(?!er)|\bethz\b|\bepfl\b|\bm\.?i\.?t\.?\b(?!-ibm)|\bcmu\b|\bnyu\b|\bucl\b|\bucla\b|\bucsd\b|\busc\b|\buc (?:berkeley|san diego|davis|irvine|santa|riverside|los)|\bttic\b|\btti-?c\b|\btoyota technological institute|\bcaltech\b|\bstanford\b|\bprinceton\b|\bharvard\b"
    r"|\bcambridge university|\boxford\b|\bberkeley\b|\bcornell\b|\byale\b|\bgeorgia tech\b|\bvirginia tech\b|\btechnion\b|\bweizmann\b|\bku leuven\b|\btu (?:berlin|darmstadt|munich|delft|eindhoven|wien|dresden|dortmund|graz)|\brwth\b|\blmu\b|\bkth\b|\bntnu\b|\bdtu\b|\biit\b|\biisc\b|\biiit\b|\bnus\b|\bntu\b|\bhkust\b|\bcuhk\b|\bmbzuai\b|\bkaust\b|\bimperial college|\binsead\b|\binserm\b|\bens\b|\bsorbonne\b|\btelecom paris\w*|\bt[ée]l[ée]com\b|\bmines\b|\bcentralesup|\bensae\b|\bcrest\b|\bcermics\b|\blirmm\b|\bcril\b|\birit\b|\bliris\b|\blip6\b|\bmila\b|\bvector institute|\bamii\b|\bnasa\b|\bjet propulsion|\bjpl\b|\blos alamos|\bsandia\b|\bargonne\b|\boak ridge|\blawrence (?:berkeley|livermore)|\bpacific northwest|\bnist\b|\bnih\b|\balan turing|\bflatiron\b|\ballen institute|\bai2\b|\bgatsby\b|\bsimons\b|\bbroad institute|\bcourant\b|\bdalle molle\b|\bmunich center\b|\bwilliam & mary\b|\bgraduate cent(?:er|re)|\bresearch council\b|\bdepartment of (?:mathematics|statistics|physics|biostatistics|economics)|\bdept\.? of (?:mathematics|statistics|physics|biostatistics)|\bobservatory\b|\bministry\b|\bstate key\b|\bnorwegian computing cent(?:er|re)|\bbarcelona supercomputing|\bobservatoire\b|\bsri international\b|\bmitre\b|\bcancer cent(?:er|re)|\bkings? college|\bunivers\b|\b(?:[\w-]+\.)*(?:edu|ac\.[a-z]{2}|edu\.[a-z]{2})\b|@(?:[\w-]+\.)*uni-[\w-]+\.\w+",
    re.IGNORECASE,
)
_COMPANIES: Final = """
    google|alphabet|deepmind|google brain|waymo|microsoft|msr|amazon|aws|apple|facebook|meta ai|fair|meta|openai|ibm|watson research
    |nvidia|intel|amd|qualcomm|arm ltd|arm research|samsung|huawei|noah'?s ark|baidu|alibaba|tencent|bytedance|tiktok|jd\\.com|jd ai|didi|meituan
    |kuaishou|netease|sensetime|megvii|face\\+\\+|iflytek|xiaomi|oppo|lenovo|hikvision|ant group|ant financial|ping an|sogou|sina|ucweb|cainiao|damo academy
    |yahoo!?|yandex|vinai|kakao|naver|line corporation|clova|lg ai|sk telecom|krafton|nexon|ncsoft|preferred networks|sony|lg electronics|dato|weta digital|sense time|hitachi|fujitsu|toshiba
    |panasonic|honda research|honda r&d|honda motor|nissan|toyota(?! technological)|toyota research institute|denso|ntt|nec|kddi|ricoh|canon|nikon|mitsubishi|merl|rakuten|cyberagent|mercari|recruit
    |twitter|mit-ibm|mit-ibm watson ai lab|e bay|linkedin|uber|lyft|airbnb|netflix|spotify|pinterest|snap inc|snap research|snapchat|ebay|paypal|stripe|square inc|walmart|target corp\\w*|etsy|expedia
    |booking\\.com|zalando|criteo|salesforce|adobe|autodesk|oracle|sap|vmware|cisco|hewlett|hp labs|hpe|dell|xerox|parc|palo alto research center|bell labs|alcatel|lucent|nokia
    |ericsson|at&t|verizon|telefonica|orange labs|telekom|technicolor|thales|airbus|boeing|lockheed|northrop|raytheon|bbn|general electric|ge research|ge global|siemens
    |bosch|philips|asml|continental|bmw|daimler|mercedes|volkswagen|audi|porsche|ford motor|ford research|general motors|gm research|tesla|zoox|cruise|aptiv|argo ai|nuro|wayve|five ai
    |bloomberg|j\\.?p\\.? ?morgan|jpmorgan|morgan stanley|goldman sachs|citadel|two sigma|d\\.? ?e\\.? shaw|renaissance tech\\w*|g-research|blackrock|capital one|american express|visa research
    |mastercard|royal bank|rbc|borealis|td bank|layer ?6|element ai|bnp paribas|axa|swiss re|allianz|barclays|hsbc|ubs
    |novartis|novo nordisk|astrazeneca|roche|genentech|gsk|glaxo\\w*|pfizer|merck|sanofi|bayer|eli lilly|johnson & johnson|janssen|insitro|recursion|illumina|23andme|verily|calico|flatiron health|tempus|pacmed|babylon|benevolentai
    |exscientia|shell|exxon\\w*|bp plc|total(?:energies)?|schlumberger|equinor|disney|pixar|warner|electronic arts|ubisoft|unity technologies|activision|king\\.com|zynga
    |cohere|anthropic|stability ai|hugging ?face|mistral ai|ai21|inflection|adept|scale ai|databricks|mosaicml|snowflake|palantir|c3\\.ai|dataiku|datarobot|h2o\\.ai|sambanova|cerebras|graphcore|groq|numenta|vicarious
    |maluuba|clarifai|dropbox|quora|yelp|zillow|groupon|foursquare|tripadvisor|indeed|glassdoor|coursera|duolingo|khan|grammarly|nuance|cortica|mobileye|prowler\\.?io|secondmind|invenia|optum|ihs markit
    |tata consultancy|tcs|infosys|wipro|flipkart|inmobi|ola|reliance|jio|swiggy|zomato|gojek|grab|shopee|sea ai lab|lazada|zalo|fpt|viettel|mercado libre|itau|nubank|cenai
    |deeping source|polixir|cognizant|accenture|mckinsey|deloitte|pwc|kpmg|ernst & young|boston consulting|comcast|fidelity|vanguard|state farm|bridgewater|jump trading|tudor|winton|man group|aig
    |osaro|kindred|covariant|embodied intelligence|boston dynamics|irobot|dji|fanuc|abb|schneider electric|honeywell|caterpillar|john deere|bayer crop\\w*|climate corporation|monsanto|syngenta|x, the moonshot|x development
    |digitalglobe|planet labs|esri|gurobi optimization|mosek|mathworks|wolfram|sas institute|rstudio|posit pbc|lightricks|taboola|outbrain|gett|waze|intuit|workday|zoom video|servicenow|sentient technologies|nara logics|geometric intelligence
    |latent logic|improbable|ocado|deliveroo|asos|tesco|unilever|nestl[eé]|p&g|procter|l'oreal|bain|qualtrics|civis|rakuten institute|yahoo japan|z lab|cookpad|dwango|gree|mixi|abeja|araya|ascent robotics|sakana ai|liquid ai|nnaisense
    |aleph alpha|celonis|deepl|helsing|merantix|twenty billion|amadeus|dassault|valeo|renault|psa|michelin|edf|engie|huawei technologies|huawei research|tractable|faculty ai|quantumblack|cantab|speechmatics|featurespace|graphext|fetch\\.ai
    """
_COMPANY: Final = re.compile(
    rf"(?<![\w@.-])(?:{'|'.join(line.strip().strip('|') for line in _COMPANIES.strip().splitlines())})(?![\w-])"
    r"|\b(?:inc|llc|ltd|limited|corp|corporation|gmbh|plc|co\.,? ltd|pty|b\.v\.|k\.k\.|pte)\b\.?"
    r"|\b(?!language |information |communication |emerging |of |and )\w+ (?:technologies(?! institute)|holdings|enterprise|labs inc|pharmaceuticals?|therapeutics|semiconductors?|motors|insurance|capital management|asset management)\b"
    r"|@(?:[\w-]+\.)*(?:google|microsoft|amazon|apple|fb|facebook|meta|openai|ibm|nvidia|intel|samsung|huawei|baidu|alibaba-inc|tencent|bytedance|yahoo-inc|yandex-team|adobe|salesforce|criteo|bosch|siemens|sony|deepmind|twitter|mit-ibm|mit-ibm watson ai lab|e bay|linkedin|uber|netflix|spotify|disneyresearch|qualcomm|navercorp|kakaobrain|jpmorgan|jpmchase|bloomberg)\.(?:com|net|ru|de|co\.\w+)",
    re.IGNORECASE,
)
_JOINT: Final = re.compile(
    r"\b(?:university|univ\.?|institute)\b[^,;]{0,12}-\s?\w+ joint|\bjoint (?:center|centre|lab\w*|institute)\b[^,;]*|\bcanada cifar ai chair|\bmunich center for\b",
    re.IGNORECASE,
)
#: Words that look like a company's and are part of an academic name.
_NOT_COMPANY: Final = re.compile(
    r"toyota technological institute(?: at chicago)?|apple(?:ton|by)|sony corner|tata institute[^,;]*|ford school|intel(?:ligen\w+|lect\w+)|meta-?\s?(?:learning|analysis|science)|uva-bosch delta lab|orange county|infosys (?:centre|prize)[^,;]*"
    r"|samsung (?:medical|hospital)[^,;]*|philips university|bosch (?:chair)|mines paris\w*|ola\w+|king'?s college|fair(?:fax|banks|field|lawn)|fair data|target (?:field)|total\w* (?!energies)|bell (?:hall|tower)|recruit\w+|visa (?!research)|sap(?:ienza|poro)|parc (?:cient|de|tec)[^,;]*|(?<=\w )khan\b|dell'|square(?! inc)|arm(?:enia|strong|y)|indeed,|scale",
    re.IGNORECASE,
)
_INSTITUTION: Final = re.compile(
    r"univ|instit|depart|dept|college|laborat|\blabs?\b|research|school|\binc\b|\bcorp|\bltd\b|hospital|centre|center|academ|facult|<EMAIL>|@|google|microsoft|deepmind|amazon|ibm|facebook|\bmeta\b|correspond",
    re.IGNORECASE,
)
_NOTE: Final = re.compile(
    r"^\W*(?:\d{1,2}|[*†‡§¶a-e∗])\s?(?=[A-Z])|correspondence|affiliat|\bequal(?:ly)? contribut", re.IGNORECASE
)
_VERB: Final = re.compile(
    r"\b(?:we|is|are|was|were|has|have|can|which|that|show|propose|present|consider|study)\b", re.IGNORECASE
)


_RIGHT: Final = {"academia": 0.95, "industry": 0.95, "collaboration": 0.92}
"""How often each answer was right on papers whose affiliation the index gives."""


def author_block(paper: Paper) -> list[Sentence]:
    """The sentences that name authors and institutions: the head of the paper, and notes of its first page.

    The head ends at the heading of the abstract or introduction, or with the first sentence that is prose: nine words or
    more, a verb, no institution, most of them in lower case.
    """
    head: list[Sentence] = []
    rest = 0
    title = one_line(paper.title)
    for place, sentence in enumerate(paper.sentences):
        text = " ".join(paper.words(sentence).split())
        if sentence.start > _LONGEST or _ABSTRACT.match(text):
            rest = place
            break
        found = text.split()
        small = sum(word[0].islower() for word in found)
        prose = len(found) >= _PROSE and 2 * small > len(found) and _VERB.search(text)
        if head and prose and not _INSTITUTION.search(text):
            rest = place
            break
        if text != title:
            head.append(sentence)
    for sentence in paper.sentences[rest:]:
        if sentence.start > _FIRST_PAGE or (sentence.page or 1) > 1:
            break
        text = paper.words(sentence)
        noted = sentence.kind == "footnote" or _NOTE.search(text[:200])
        if (
            noted
            and _INSTITUTION.search(text)
            and not re.search(r"\bwe\b", text)
            and len(text) < 1500
            and "http" not in text
        ):
            head.append(sentence)
    return head


def institutions(text: str) -> tuple[bool, bool]:
    """Whether a text names an academic or public institution, and whether it names a company.

    >>> institutions("1 University of Southampton 2 Google DeepMind, London")
    (True, True)
    """
    text = re.sub(r"(?<=[A-Za-z.,])(?=\d)|(?<=\d)(?=[A-Z])", " ", text)
    bare = _NOT_COMPANY.sub(" ", text)
    company = _COMPANY.search(bare)
    academic = bool(_ACADEMIC.search(_COMPANY_INSTITUTES.sub(" ", text)))
    return academic, bool(company)


_COMPANY_INSTITUTES: Final = re.compile(
    r"toyota research institute|sas institute|rakuten institute(?: of technology)?|honda research institute|institute of deep learning|samsung advanced institute of technology|(?:alibaba )?damo academy|faculty ai",
    re.IGNORECASE,
)


def affiliation(paper: Paper) -> tuple[str, float, list[Sentence]]:
    """(result, probability that it is right, the sentences that say so)."""
    block = author_block(paper)
    title = one_line(paper.title)
    texts = [
        " ".join(paper.words(sentence).split()).replace(title, " ") if title else paper.words(sentence)
        for sentence in block
    ]
    named = [institutions(text) for text in texts]
    academic, company = any(one for one, _ in named), any(other for _, other in named)
    if not academic and not company:
        return "unknown", 0.0, []
    result = "collaboration" if academic and company else "industry" if company else "academia"
    shown: list[Sentence] = []
    for wanted in (0, 1):
        first = next((sentence for sentence, found in zip(block, named, strict=True) if found[wanted]), None)
        if first is not None and first not in shown:
            shown.append(first)
    return result, _RIGHT[result], shown
