"""The small world the demonstration model lives in: names, things, places and plain sentences.

Everything here is invented. The demo documents use the same words, so that a question about
them has one exact answer.
"""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    """The words of ``text``."""
    return tuple(text.split())


CAPITALS: dict[str, str] = {
    "Norvania": "Teldor",
    "Telmark": "Marn",
    "Quorland": "Quist",
    "Vesper": "Velan",
    "Ostrava": "Oston",
    "Brinmoor": "Brakka",
    "Calder": "Cadiz",
    "Dunmere": "Dorn",
    "Elveria": "Elba",
    "Farrow": "Fenwick",
    "Gildan": "Gant",
    "Hestia": "Hale",
    "Ilmar": "Isker",
    "Jorvik": "Jutland",
    "Kestrel": "Kelso",
    "Lorwyn": "Lund",
    "Marrow": "Mirth",
    "Nimbus": "Nacre",
    "Orphel": "Orban",
    "Pellas": "Pinto",
}

CITIES: tuple[str, ...] = _words(
    "Oslo Paris Rome Lima Cairo Tokyo Delhi Quito Berlin Madrid Dublin Athens Lisbon Vienna "
    "Prague Warsaw"
)

WEATHERS: tuple[str, ...] = _words("sunny rainy cloudy windy")

COLOURS: tuple[str, ...] = _words(
    "red blue green black white amber violet silver grey brown yellow orange pink gold"
)

ITEMS: tuple[str, ...] = _words(
    "server router gateway printer camera sensor switch tunnel bucket volume "
    "kettle ladder bicycle lantern teapot sofa curtain door gate boat van piano clock lamp drill "
    "hammer umbrella blanket freezer oven heater pump mower tent scooter violin guitar telescope "
    "radio projector screen keyboard laptop tablet speaker desk chair table cabinet safe mailbox "
    "bench fence tank barrel basket bag box jar key flag rope saw vase mirror rug globe map album "
    "ledger kite sled helmet jacket coat scarf trolley"
)

MODIFIERS: tuple[str, ...] = _words("spare small large old new second garden guest")

ROOMS: tuple[str, ...] = _words(
    "attic cellar garage kitchen hall library garden shed workshop office pantry porch barn "
    "studio laundry corridor bathroom balcony courtyard greenhouse boathouse archive closet"
)

SPOTS: tuple[str, ...] = (
    "on the roof",
    "under the stairs",
    "behind the door",
    "beside the window",
    "near the gate",
    "on the top shelf",
    "under the bench",
    "behind the curtain",
    "on the desk",
    "beside the oven",
)

PEOPLE: tuple[str, ...] = _words(
    "Ada Alan Grace Linus Mary Omar Nina Tom Ruth Ivan Lena Hugo Maya Otto Clara Felix Emma Jonas "
    "Sara Paul Anna Viktor Rosa Karl Ines Leo Hana Edgar Judith Noor"
)

MONTHS: tuple[str, ...] = _words(
    "January February March April May June July August September October November December"
)

DAYS: tuple[str, ...] = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")

_UNITS = _words(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = _words("twenty thirty forty fifty sixty seventy eighty ninety")


def _number_words() -> tuple[str, ...]:
    """English words for 1 to 100."""
    words = list(_UNITS)
    for ten in _TENS:
        words.append(ten)
        words.extend(f"{ten}-{unit}" for unit in _UNITS[:9])
    words.append("one hundred")
    return tuple(words)


NUMBERS: tuple[str, ...] = _number_words()

FILE_STEMS: tuple[str, ...] = _words(
    "inventory notes rooms house garden cellar office readme guide handbook list minutes report "
    "welcome keys tools people care plan letter manual contract network equipment boats"
)
FILE_FOLDERS: tuple[str, ...] = _words("rooms house club docs archive team work")
FILE_ENDINGS: tuple[str, ...] = ("md", "md", "md", "txt", "txt", "pdf", "docx")

HEADINGS: tuple[str, ...] = (
    "Inventory",
    "Notes",
    "The cellar",
    "Who does what",
    "House rules",
    "Equipment",
    "Keys and doors",
    "Minutes of the meeting",
    "Rooms",
    "Welcome",
    "Things to know",
    "Garden",
    "Office",
    "Network",
    "Boats",
    "Workshop",
)

PLAIN: tuple[str, ...] = (
    "Please close the window when you leave.",
    "We meet on the first Monday of the month.",
    "Visitors are always welcome, and the coffee is free.",
    "Nobody knows how old the house really is.",
    "The last bus leaves at ten in the evening.",
    "Everything else was moved during the summer.",
    "Ask for help before you lift anything heavy.",
    "It has been raining for most of the week.",
    "The list below is checked twice a year.",
    "This page was written by hand and copied later.",
    "If something breaks, write it down here.",
    "There are more chairs than people, as usual.",
    "Lunch is served at noon from Monday to Friday.",
    "The floor was painted again last spring.",
    "Remember to water the plants on Sunday.",
    "Some of these things are older than the club.",
    "The neighbours sometimes borrow our tools.",
    "We do not lend anything without a signature.",
    "The lights go out by themselves at midnight.",
    "A copy of this page hangs beside the entrance.",
    "New members pay half the price in the first year.",
    "The heating starts in October and stops in April.",
    "Do not leave food in the room overnight.",
    "Two of us repaired the roof in a single day.",
    "The old owner left a letter and a box of photographs.",
    "Most questions are answered on the next page.",
    "Please put things back where you found them.",
    "Our oldest member still comes by bicycle.",
    "The budget for repairs was agreed in March.",
    "Children may only enter with an adult.",
    "It took three people and a whole afternoon.",
    "The insurance covers fire, water and theft.",
    "Every Friday someone sweeps the floor.",
    "We bought it second hand and never regretted it.",
    "The alarm was tested and works as it should.",
    "Nothing was lost when the power failed.",
    "Backups are made every night and checked every week.",
    "All of this stays on our own machines.",
    "The password is not written on this page.",
    "Deliveries arrive between nine and eleven.",
    "Call the office if you will be late.",
    "The view from the top is worth the climb.",
    "Tea and cake are served after the meeting.",
    "In winter the path can be slippery.",
    "The wood comes from a forest near the lake.",
    "Last year we had forty guests and no complaints.",
    "Wash your hands before you touch the photographs.",
    "Nothing here needs a network to work.",
    "The next meeting will decide about the roof.",
    "Tidy rooms make for happy people.",
    "Each thing on this list has one home and one keeper.",
    "Whoever comes first opens the shutters.",
    "The river rises in spring, so check the ropes.",
    "We keep what we use and give away the rest.",
    "Bring a warm coat, because the nights are cold.",
    "This was true when it was written down.",
    "The bill for the water was paid on time.",
    "Anything without a label may be thrown away.",
    "A quiet place is good for long books.",
    "Thank you for reading this far.",
)

ABOUT_ITEM: tuple[str, ...] = (
    "{person} bought the {item} in {month}.",
    "The {item} was repaired in {month}.",
    "Please return the {item} before {day}.",
    "The {item} needs a new label.",
    "{person} likes the {item} very much.",
    "We have had the {item} for {number} years.",
    "Do not move the {item} without asking {person}.",
    "{person} wants to sell the {item}.",
    "The {item} works well and makes no noise.",
    "Everyone may use the {item} on {day}.",
)

ABOUT_LIFE: tuple[str, ...] = (
    "{person} and {other} met in the {room} on {day}.",
    "The {room} was cleaned on {day}.",
    "{person} will be away until {month}.",
    "The meeting on {day} begins at {number}.",
    "{person} paid for the tickets in {month}.",
    "There was a party in the {room} in {month}.",
    "In {month} the {room} gets a new floor.",
    "{person} said that {number} guests will come on {day}.",
    "On {day} {person} reads aloud in the {room}.",
    "{person} has the list of names.",
)

STRAY_QUESTIONS: tuple[str, ...] = (
    "Who won the football match?",
    "What is the meaning of life?",
    "How tall is the tower?",
    "When does the market open?",
    "How much does the ticket cost?",
    "What is the password?",
    "Why is the sky blue?",
    "How old is the house?",
    "Who wrote the book?",
    "When was the bridge built?",
    "What is the best recipe for soup?",
    "How many people live here?",
    "Which train goes to the coast?",
    "What should I eat tonight?",
    "Can you write a poem?",
    "What is the price of gold?",
    "How do I bake bread?",
    "Is it going to rain?",
    "What happened last year?",
    "Explain how engines work.",
    "Tell me a story.",
    "How far is the moon?",
    "Who is the king?",
    "What does the letter say?",
    "When is the next meeting?",
    "What is two plus two?",
    "How long is the river?",
    "Why did the ship sink?",
    "Which language do they speak?",
    "What is your favourite song?",
)
