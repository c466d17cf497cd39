"""Chat messages: categories, the rule among them, and the wordings of each.

    threat         violence announced against the reader, their family, or a person
    harassment     an insult or contempt at the reader or at people
    personal_data  a number, address, account or secret that belongs to a person
    spam           a lure or an advertisement together with a call to act
    none           everything ordinary, an insult at a thing or at oneself, and violence in a game

The same words flag or not by their target. Who quotes a message does not change its category.
"""

import dataclasses
import json

from payments import HOME, MERCHANTS, NAMES, OVERSEAS, SURNAMES
from phrasing import roughened, say

PRIORITY = ("threat", "harassment", "personal_data", "spam", "none")
WEIGHTS = (20, 20, 17, 17, 26)

WORDS = {
    "insult": (
        "idiot loser moron clown fool coward liar failure disgrace joke pig rat cow donkey monkey dumbass jerk creep freak scumbag asshole "
        "bastard imbecile cretin dimwit weirdo snake worm parasite hypocrite fraud trash nobody crybaby bitch wimp halfwit goat ape dog "
        "cockroach pest troll nutcase psycho maggot toad tool douche lunatic simpleton blockhead slob noob retard swine"
    ).split(),
    "insults": "idiots losers morons clowns fools cowards liars pigs rats monkeys jerks creeps freaks sheep animals trash imbeciles snakes apes dogs noobs".split(),
    "bad": (
        "stupid pathetic worthless useless ugly disgusting dumb hopeless awful ridiculous fat filthy dirty brainless stinking smelly miserable "
        "lazy crazy disgraceful horrible terrible lousy rotten vile sick repulsive ignorant incompetent annoying hideous laughable clueless"
    ).split(),
    "thing": (
        "printer game movie update phone bus song weather laptop menu website bug level keyboard essay queue train app router map server "
        "coffee_machine software code lamp chair meeting elevator software microwave song book office washing_machine traffic plot ending "
        "car fridge camera headset battery alarm vacuum door shoe email form password_rule parking_lot"
    ).split(),
    "hurt": (
        "hurt kill beat hit stab shoot destroy crush punch break strangle murder slap smash burn kick drown choke slaughter whip torture "
        "bury cripple poison attack skin gut finish_off knock_out beat_up blow_up run_over hunt_down cut_up tear_apart"
    ).split(),
    "part": ("legs", "arms", "neck", "nose", "bones", "skull", "face", "teeth", "knees", "back", "ribs", "fingers"),
    "weapon": ("a knife", "a gun", "a hammer", "my gun", "a bomb", "a bat", "an axe", "my fists", "a rope", "acid", "a rifle", "a brick", "petrol"),
    "dear": ("your family", "your brother", "your sister", "your kids", "your mother", "your dog", "your wife", "your friends", "your son", "your dad", "everyone you love"),
    "building": ("house", "office", "car", "school", "home", "place", "flat", "shop", "building", "church", "hospital", "garage"),
    "boss": ("the boss", "the dragon", "that level", "the other team", "the last monster", "my old record", "the final exam", "the wall", "this workout", "the high score",
             "the zombies", "the final boss", "all the goblins", "the orc", "the enemy base", "this chess game", "the timer", "two skeletons", "the alien queen", "our rivals in the match"),
    "name": NAMES,
    "surname": SURNAMES,
    "lure": ("free money", "a free phone", "cheap followers", "easy cash", "free gift cards", "a secret discount", "free crypto", "a prize of 500 dollars", "cheap watches", "double your coins",
             "a free iPhone", "a new laptop for 1 dollar", "cheap pills", "viagra", "weight loss pills", "free bitcoin", "a free vacation", "an exclusive bonus", "free spins", "a casino bonus",
             "a $1000 gift card", "a miracle diet", "instant loans", "cheap loans", "fake rolex watches", "designer bags", "free followers", "hot singles", "a Nigerian prince's gold", "a guaranteed profit",
             "passive income", "500 euros per day", "a lottery jackpot", "free tickets", "premium accounts", "cheap meds", "free robux", "free streaming", "discount sunglasses", "cheap car insurance",
             "hair growth cream", "a work from home job", "a crypto investment", "stock tips", "10,000 likes", "a luxury cruise", "a free trial", "an ebook that made me rich"),
    "stuff": ("watches", "followers", "pills", "viagra", "loans", "shoes", "handbags", "sunglasses", "likes", "insurance", "diet pills", "tickets", "medicine", "software licences", "perfume", "bitcoin", "accounts", "subscriptions", "credit", "cigarettes", "views", "phones"),
    "site": None, "phone": None, "street": None, "mail": None, "card": None, "iban": None, "ssn": None, "n": None, "num": None, "money": None, "date": None, "word": None,
    "friend": ("friend", "colleague", "teacher", "neighbour", "sister", "brother", "mum", "dad", "boss", "cousin", "doctor", "customer", "coach"),
    "day": ("today", "tomorrow", "on Friday", "tonight", "this weekend", "next week", "on Monday", "yesterday", "this morning", "after lunch", "at noon", "at ten", "in the evening", "on Sunday", "last night", "this afternoon"),
    "good": ("great", "lovely", "wonderful", "nice", "fun", "amazing", "good", "brilliant", "interesting", "helpful", "beautiful", "clean", "friendly", "excellent", "fantastic", "perfect", "delicious", "funny", "quiet", "clear"),
    "meh": ("slow", "boring", "expensive", "too loud", "long", "a bit cold", "late", "confusing", "average", "not for me", "too short", "hard", "crowded", "overpriced"),
    "noun": ("movie", "game", "meeting", "recipe", "article", "book", "concert", "hotel", "room", "staff", "food", "weather", "party", "match", "garden", "design", "update", "talk", "report", "picture", "song", "album", "train", "museum", "trip", "course",
             "photo", "restaurant", "service", "view", "city", "lesson", "project", "video", "blog", "dinner", "soup", "coffee", "cake", "beach", "marathon", "puzzle", "exhibition", "flat", "build", "release", "neighbourhood", "tutorial"),
    "act": ("play football", "go for a walk", "grab lunch", "watch a movie", "cook something", "meet at the station", "have a coffee", "play another round", "go swimming", "study together", "review the code", "clean the kitchen", "visit the museum", "take the early train", "order pizza",
            "bake a cake", "paint the fence", "water the plants", "go hiking", "call the plumber", "book a table", "start the meeting", "fix the build", "listen to the new album", "plan the trip", "finish the report", "walk the dog", "feed the cat"),
    "doc": ("report", "notes", "slides", "invoice", "photos", "link to the meeting", "recipe", "address of the restaurant", "schedule", "file", "draft", "agenda", "tickets"),
    "place": ("Rome", "the park", "the office", "the beach", "Berlin", "the library", "school", "the gym", "the market", "Paris", "work", "the cinema", "the mountains", "the garden", "the station", "London", "the lake"),
}  # fmt: skip
WORDS["country"] = [country.removeprefix("the ") for country in HOME | OVERSEAS]
WORDS["merchant"] = MERCHANTS
SYLLABLES = ("ba co da fel gor hin jo ka lum mar nex or pri qui ros sta tem ul vel wi xan yor zet mo lan ter vi shop net el in us").split()
STREETS = ("Street", "Road", "Avenue", "Lane", "Drive", "Square", "Way", "Close", "Court", "Boulevard")
STREET_NAMES = ("Oak Maple Park Church Station Mill High Green Queen King Elm Garden Lake Hill Castle Victoria River School Market Rose Sunset Bridge Baker Forest").split()
FOREIGN_STREETS = ("Bahnhofstrasse", "Gartenweg", "Lindenallee", "Schulstrasse", "Rue Victor Hugo", "Via Roma", "Calle Mayor", "Rua Augusta", "Kirchgasse", "Ringstrasse", "Rue de la Paix", "Via Garibaldi")


def made_up_word(rng):
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 3)))


def digits(rng, shape):
    return "".join(str(rng.randint(0, 9)) if c == "#" else c for c in shape)


def site(rng):
    name = rng.choice((made_up_word(rng), made_up_word(rng), say(rng, "<free|cheap|best|super|easy|win|top|mega|fast>-<cash|gifts|deals|prizes|loans|shoes|watches|crypto|pills|bonus|games|money>")))
    return say(rng, "<|www.|http://|https://|><{n}|{n}|{n}><.com|.net|.shop|.io|.biz|.info|.xyz|.ru><|||/win|/offer|/a1>", {"n": name})


def mail(rng):
    who = rng.choice(NAMES).lower() + rng.choice((".", "_", "", "-")) + rng.choice((rng.choice(SURNAMES).lower(), digits(rng, "##"), made_up_word(rng)))
    return f"{who}@{rng.choice(('gmail.com', 'yahoo.com', 'hotmail.com', 'mail.com', 'outlook.com', 'web.de', made_up_word(rng) + '.org', 'example.com'))}"


def street(rng):
    if rng.random() < 0.25:
        return f"{rng.choice(FOREIGN_STREETS)} {rng.randint(1, 120)}"
    return f"{rng.randint(1, 300)} {rng.choice((rng.choice(STREET_NAMES), made_up_word(rng).capitalize()))} {rng.choice(STREETS)}"


MAKERS = {
    "site": site,
    "mail": mail,
    "street": lambda r: street(r) + r.choice(("", "", "", f", apartment {r.randint(1, 40)}", ", London", ", Springfield", ", Bonn", ", second floor")),
    "phone": lambda r: digits(r, r.choice(("555 ####", "0### ######", "+49 ### #######", "555-###-####", "+44 #### ######", "(0##) ### ####", "+1 ### ### ####", "07### ######", "### ### ###", "+33 # ## ## ## ##", "##########"))),
    "card": lambda r: digits(r, r.choice(("4### #### #### ####", "5###-####-####-####", "4###############", "37## ###### #####"))),
    "iban": lambda r: digits(r, r.choice(("DE## #### #### #### #### ##", "FR##################", "GB## ABCD #### #### ####", "ES## #### ####", "NL##BANK##########"))),
    "ssn": lambda r: digits(r, r.choice(("###-##-####", "## ## ## ## ###", "AB ## ## ## C", "X#######", "C0#######"))),
    "n": lambda r: str(r.randint(2, 60)),
    "num": lambda r: str(r.randint(100, 9999)),
    "money": lambda r: r.choice("$€£") + r.choice(("100", "500", "1000", "5000", "1,000,000", "50", "2000", "10k", "99")),
    "date": lambda r: r.choice((digits(r, "0#/0#/19##"), digits(r, "1# May 19##"), digits(r, "19##-0#-1#"))),
    "word": lambda r: made_up_word(r) + r.choice(("", digits(r, "##"), digits(r, "####"), "!")),
}
SLOTS = {name: (MAKERS[name] if words is None else [word.replace("_", " ") for word in words]) for name, words in WORDS.items()}

THREATS = (
    "<I will|I'm going to|I am going to|i'll|im gonna|I swear I will|I want to|we will|we are going to|one day I will|tonight I will|tomorrow I will|I'm gonna|next time I will|I should> {hurt} <you|you|you|you|{dear}|{name}|you all|him|her|them><|||| tonight| tomorrow| after school| with {weapon}| if you come back| when I see you| in your sleep| like a dog| one day| for that>",
    "<I will|I'm going to|we will|i'll|im gonna|I'm gonna> <break|smash|crush|cut> <your|your|his|her> {part}<|| with {weapon}| if you talk| next time>", "<I will|I'm going to|im gonna|we will|someone should> <burn|blow up|burn down|bomb|destroy|set fire to> <your|your|his|this|the|her> {building}<|| tonight| with you in it| down>",
    "I know where <you|you|she|he|your family> <live|live|lives|lives|lives><| and I am coming| and I will come for you| and you will regret this| and you will pay| and I have {weapon}|, be afraid|, see you soon>", "watch your back<|, you are dead|, I'm coming|, you won't live long|, {name}|, I have {weapon}>",
    "you're <dead|a dead man|dead meat|finished>< tonight| tomorrow| to me, I will find you|, I promise|, {name}|>", "you will <die|bleed|suffer|pay with your life|not see tomorrow|regret being born>< tonight| tomorrow|, {name}| for this|>", "<I am|I'm|im|we are> <coming|coming over|coming to your {building}> <for you|with {weapon}|to {hurt} you|with {weapon}>",
    "<we|I> will <find|hunt|get|come for> you<| and {hurt} you| wherever you hide| and you will bleed| one by one>", "<die|drop dead|go die>< you {insult}| in a fire| slowly| already|!|>", "if <you|he|she|you> <tell anyone|come back|talk|call the police|do that again|leave me|don't pay|touch her again>, I will <{hurt} you|{hurt} {dear}|break your {part}|kill you>",
    "<pay|give me the money|do it|stop> or <I will|I'll|we will> {hurt} <you|{dear}>", "<sleep with one eye open|better lock your door|say goodbye to {dear}|start digging your grave|make your will|better run>< tonight|, I'll get you|, I'm coming|>", "don't come to {place} <tomorrow|on Monday|again> if you want to <live|stay alive|keep your teeth>",
    "I will bring {weapon} to <school|work|the office|your {building}><| and {hurt} <him|you|them|everybody>>", "<your|his> days are numbered", "I have {weapon} and I will use it<| on you| on {name}>", "I hope <you die|you get {weapon} in the back>, I will do it myself", "there is a bomb in <the|your> {building}", "<somebody|I> will put a bullet in your head",
    "I will make you <bleed|scream|suffer|disappear>", "you won't <leave {place} alive|survive the night|live to see Friday|get home alive>", "I'll <slit|cut> your throat", "you have one day, then I {hurt} you", "your kids will <die|suffer|pay for this>",
)  # fmt: skip
HARASSMENTS = (
    "<you are|you're|u r|your|you are just|you are such|you are nothing but> <a|a|the biggest|such a|a real> {insult}", "<you are|you're|u r> <|so |really |just |the most > {bad}", "<you|u> {bad} {insult}<|, go away|, go home|, nobody asked you|, learn to read|, shut up>", "<you are|you're> a {bad} {insult}<| and nobody likes you| and a liar| and your kids are {bad}>",
    "<nobody|no one> <likes|wants|loves|needs|cares about> you<|, {insult}| here|, you {bad} {insult}|, go home>", "<shut up|get lost|go away|go home|piss off|leave|log off|uninstall the game|go back to school>,? <you {insult}|you {bad} {insult}|{insult}|stupid|you {bad} {insult}>", "<everyone|everybody|the whole team|everyone at work|everybody here> <thinks|knows|says> you are <{bad}|a {insult}|a {bad} {insult}|a joke>",
    "<everybody|everyone|we all|I> <hates|hates|hate|hate> you<|, {insult}|, you {bad} {insult}>", "you are {bad} and {bad}", "you are as <dumb|useless|ugly> as a {thing}", "nobody is as {bad} as you", "<hey|listen|oh look, it's the> {insult}<, learn to read| again|, go cry>", "you should be ashamed<|, you {bad} {insult}|, {insult}>",
    "you're the worst <player|person|teacher|cook|driver|doctor|writer|worker|mother> <ever|I know|in the world|here>< you {insult}|, uninstall|>", "<your|ur> <mother|kids|family|face|brain|wife|girlfriend|work|voice> <is|are|is> <a joke|{bad}|an embarrassment|{bad}>", "what <a {bad} {insult}|an {insult}|a {insult}> you are", "what a bunch of <|{bad} >{insults}", "you <people|all|guys|lot> are <{insults}|{bad}|all {insults}|{bad} {insults}>",
    "<the team|this place|the world|school> is better without you", "you are a waste of <space|time|air|oxygen|money>", "go back to where you came from<|, {insult}| you {bad} {insult}>", "<he|she|{name}> is <such |> a {bad} {insult}<| and everybody knows|>", "{name} is <so |> {bad}<|, nobody likes {name}|, haha>", "<i hope|hope> <you fail|you lose your job|you cry|nobody comes to your party>, <{insult}|you {bad} {insult}|{insult}>",
    "you <belong in|look like|smell like|act like> <a {insult}|garbage|a trash can|the dump|a {bad} {insult}>", "<are you|r u|were you always> <stupid|that dumb|blind|brainless|a {insult}|this {bad}>?<| {insult}>", "go cry <to your mother|somewhere else|about it>,? <{insult}|you {bad} {insult}|loser>", "nice <try|job|work|play>,? <you {bad} {insult}|{insult}|{insult}>", "<women|men|foreigners|old people|immigrants|teenagers> are all <{insults}|{bad}|{insults}>",
    "you can't even <spell|read|count|drive|cook>,? <you {insult}|{insult}|you {bad} {insult}>", "why are you so {bad}?", "<you|u> make me sick, <you {insult}|{insult}>", "a {insult} like you should <quit|leave|never speak|be fired|shut up>", "you <disgust|bore> everybody, {insult}", "your {noun} is as {bad} as you are", "you're nothing<| but a {bad} {insult}|, {insult}>",
)  # fmt: skip
PERSONAL = (
    "<my|my|her|his|{name}'s|the user's|my {friend}'s|our {friend}'s> <|new |private |home |mobile |cell ><phone number|number|phone|phone number> <is|:|is now> {phone}<||, call me|, call anytime|, don't share it>", "<call|text|reach|ring|phone|whatsapp> <me|her|him|{name}|my {friend}> <on|at|under> {phone}<||| tonight| when you get home| after six|, please>", "<my|her|his|{name}'s|the user's|our {friend}'s> <|home |private |new >address is {street}",
    "<I live|he lives|she lives|{name} lives|my {friend} lives|they live|{name} {surname} lives> <at|at|in> {street}", "<email|mail|write to|write|contact> <me|her|him|{name}> <at|under|on|:> {mail}", "<my|her|his|{name}'s|the user's> <email|mail|e-mail|email address|mail address> is {mail}<|, write me|, send it there>", "send <it|me the photos|the file|the invoice|the {doc}> to {mail}",
    "<my|her|his|{name}'s|the user's|the customer's> <credit card|card|credit card number|card number|visa|debit card> <is|number is|:|:> {card}<|, cvv {n}|, expires 08/27>", "<my|her|his|{name}'s|the user's|the customer's|pay to> <IBAN|bank account|account number|account> <is|is|:> {iban}", "<my|her|his|{name}'s> <social security number|ssn|passport number|tax number|driving licence|id number|insurance number|passport> is {ssn}", "<here is|here's|this is> <my|her|his|{name}'s> <passport number|ssn|social security number|id>: {ssn}",
    "<my|her|his|the wifi|the admin|our|{name}'s> <password|login|password for the bank|passcode> is {word}<|, don't tell anyone>", "<my|her|his|the card's> <pin|pin code|code for the alarm|pin> is {num}<| and the card is in the drawer|>", "{name} {surname}, <born|born on|date of birth|dob> {date}<|, {mail}|, {street}|, {phone}>", "<I was|he was|she was|{name} was> born on {date} and lives at {street}", "{name} {surname}, {street}<|, {phone}|, {mail}>", "{name} {surname}: {phone}<|, {mail}>",
    "here is the <home address|phone number|address> of <{name}|my {friend}|{name} {surname}>: <{street}|{phone}|{street}>", "you can <reach|find> <me|him|her|{name}> <at|under> <{phone}|{mail}|{street}>", "<username|user|login> <{word}|{mail}> password {word}", "{mail}", "my {friend} is {name} {surname}, <she|he> lives <at|in> {street}", "<please|pls> <delete|change|store|update> my data: {name} {surname}, {mail}<|, {phone}>",
)  # fmt: skip
SPAMS = (
    "<get|grab|claim|win|buy|receive|earn> {lure} <at|on|here:|now at|now:|today at> {site}", "<click|tap|visit|go to|see|check out> <{site}|the link|here|the link below|the link in my profile|this link> <for|to get|to win|and get|to claim> {lure}", "<want|need|looking for|interested in|dreaming of> {lure}? <visit {site}|click here|DM me|write me now|call now|sign up today>", "{lure} <today only|for a limited time|while stocks last|for the first 100 people|just for you>, <go to {site}|click now|order now|act fast|sign up|register today>",
    "<write|DM|message|text|contact> me <now |today |>for {lure}", "<congratulations|congrats|you won|you have won|lucky you>!<| you> <have been selected for|won|are the winner of|get|have won> {lure}<|!>< claim now| click here| claim at {site}| reply to claim>", "{lure}!!! {site}", "claim {lure} now<| at {site}|, limited offer>", "<make|earn> {money} <a day|a week|per day|a month|per hour|every day> <from home|online|with no work|with crypto|on autopilot|with this trick><|!!!|, ask me how|, sign up at {site}|, join now|, no experience needed>",
    "<buy|order|get> <cheap |discount |original |>{stuff}<| online| now| today>,? <{n}0% off|{n}% discount|best prices|lowest price guaranteed|no prescription|free shipping><|, {site}|, limited time|, order now>", "<cheap|best|discount|original> {stuff}<!|,|:> <visit {site}|{site}|DM me|order today|call now|only {money}>", "<limited|special|exclusive|last> <offer|deal|sale>: <{lure}|buy one get one free|{n}0% off {stuff}|{stuff} for {money}><|, visit {site}|, click now|, order now|, act now>",
    "lose {n} <pounds|kilos|kg> in <2 weeks|one month|10 days> with <this one weird trick|our pills|this miracle drink|no exercise><|, order now|, {site}>", "<join|follow|subscribe to> <our|my> <telegram|whatsapp|discord|channel|group|newsletter> <for|and get|and win> {lure}", "<send|deposit|invest> <0.1 BTC|{money}|100 USDT> <and get|to receive|and earn> <double|1 BTC|{money}|twice as much> <back|in one day|guaranteed>", "<get rich|become rich|become a millionaire> <quick|fast|with crypto|in 30 days|with my course><|, join {site}|, click here|, sign up now>",
    "<hot|lonely> <singles|girls|ladies> <in your area|near you> <are waiting|want to meet you>, <click here|visit {site}|click the link>", "<subject: |>YOU WON!!! claim your <prize|lottery prize|jackpot> of {money}<| today| at {site}>", "<free|100% free|bonus> <casino|poker|slot> <spins|chips|bonus>, <register|sign up|play> <now|today|at {site}>", "<act now|hurry|don't miss out|last chance>! <{lure}|{stuff} for {money}|cheap {stuff}><, apply at {site}|, {site}|, click here|>", "your <parcel|package|account|delivery> is waiting, <confirm|pay the fee|verify> at {site}", "no credit check, <instant|cheap|easy> loans, apply <now|at {site}|today>",
    "<promote|boost> your <page|channel|profile> with our {stuff}, <visit {site}|only {money}|DM me>", "work from home and <earn|make> {money} <a day|per day|a week><|, sign up here|, {site}|, no experience needed>", "I made {money} in one week with {site}<|, you can too>, <try it|join now|ask me how>", "get {n}k followers for <just|only> {money}", "{stuff}! {stuff}! {stuff}! {site}",
)  # fmt: skip
HARMLESS = (
    "the {noun} was <really |so |very |>{good}", "the {noun} was {good}<, thanks| and the {noun} was {good}|, but the {noun} was {meh}>", "<thanks|thank you> for the {noun}<| {day}|, it was {good}|, it really worked>", "<thanks|thank you> for <the help|your help|sharing|listening|everything|the lift|the {doc}><| {day}|, it really worked|, I owe you one>", "<I|we> <really |>love <this|the|your> {noun}<|, made it twice this week|, it is so {good}>", "see you <{day}|at the {noun} {day}|at {place} {day}|soon|later>",
    "<can|could> you <please |>send me the {doc}<| {day}| before noon|, please>", "<does anyone|who|anyone> <want to|up to|wants to> {act} <{day}|later>?", "let's {act} {day}", "<shall we|should we|do you want to|would you like to> {act} {day}?", "happy <birthday|new year|holidays|anniversary><|, {name}|! have a {good} day|, hope you have a {good} time>", "good <luck|morning|night|job|work><| everyone|, team| {day}|, {name}|, the build is green>", "<great|nice|good> <game|match|job|work|talk|photo> <last night|everyone|today|team|on the {noun}><|, well played|, congratulations>", "gg<| wp| everyone| well played|, that was close>",
    "I <just |>finished <my first marathon|the book|the {noun}|the report|painting the kitchen|my homework><|, so happy|, finally|, it was {good}>", "I <agree|disagree> with <you|the author|{name}|this><|, but the points are {good}| about the {noun}|, good question>", "the new {noun} is {meh}, but I like the {noun}", "the {noun} is {meh}<| today|, I think|, but fine>", "I <think|believe|guess> the {noun} is <{good}|{meh}>", "{name} is my <best friend|{friend}|new {friend}>", "I <saw|met|visited> {name} at {place} {day}", "<is|was> the {noun} <{good}|open {day}|free on Sunday>?", "what time does the <train|{noun}|bus|shop> <leave|start|open|end><| {day}>?",
    "I <lost my keys|missed the bus|am running late|forgot my umbrella|have a cold|need a holiday|got a new haircut|got a discount on my shoes> <again|{day}|, sorry|>", "my <cat|dog|son|daughter|{friend}> <slept all day|loves {place}|is at {place}|likes the {noun}|has a birthday {day}|learned to swim>", "the weather in {place} <was|is> <{good}|{good}|cold|rainy|sunny>", "<are|will> you <coming to|at> <the party|the {noun}|{place}> {day}?", "sorry for the <late reply|noise|delay|mess><| {day}|, I was at {place}>", "we <won|lost> {n} to {n}<| {day}>", "the <recipe|cake> needs {num} grams of <flour|sugar|rice>", "<lol|haha|wow>,? that {noun} was so <funny|{good}>",
    "<very|really|most> {good} {noun}<|, thank you for sharing|, thanks|, five stars|, would come again>", "<the staff was|people were|everybody was> {good} and the {noun} was {good}", "our <neighbours|friends|team> <are|were> {good}<| and the garden looks {good}|>", "you <are|were> <a great friend|very helpful|so kind|right|the best teacher|my hero|awesome|really good today>", "you <made my day|played well|did a {good} job|look great|sing so well>", "I will <help you move|meet you at {place}|call you {day}|miss you|be there {day}|bring a cake|pay for lunch>", "<my|this|that|the> {thing} is <so |such a |a |really |>{bad}<|, I hate it| piece of junk>",
    "<this|that|my> {thing} is the <dumbest|worst|ugliest|stupidest> thing I <ever bought|know|have seen>", "what a {bad} {thing}", "<stupid|damn|useless|bloody> {thing}<, it broke again|, why does it never work|>", "I <am|was|feel> <such a|a|like a> {insult}<| today| yesterday, sorry|, I forgot the {doc}>", "I <was|feel|am> so {bad} <today|this morning|yesterday>", "<I will|I'm going to|we are going to|let's|I want to> {hurt} {boss}<| in level {n}| tonight|>", "I <killed|destroyed|beat|crushed|smashed|shot> {boss}<| in level {n}|, finally| with one hit|, it took an hour>", "the {thing} <killed|destroyed|drained> my <battery|mood|evening>", "this <workout|heat|exam|queue> is killing me", "I could kill for a <coffee|pizza|cold drink>",
    "does this work on <linux|my phone|windows>?", "<who|anyone> has <the {doc}|a charger|time {day}>?", "<how|where> was <the {noun}|your {noun}|{place}>?", "I like your <new picture|haircut|{noun}|idea|{noun}>", "congratulations on <the new job|your {noun}|the baby|the {noun}>", "can someone explain the {noun} <to me|again|from {day}>?", "the meeting <is|was> <moved to {n}|at ten|in room {n}|cancelled|{meh}>", "please <be quiet in the library|bring your own cup|close the window|read the {doc}|call me later>", "<my order number is {num}|we met in {country}|I bought it at {merchant}|version {n} is out>", "<this|the> {noun} made me <smile|laugh|think|happy>", "it <rains|snows> a lot <here|in {country}>", "I miss <the summer|you|{place}|my {friend}>", "<nice|good> to <see|meet> you<| all| again|, {name}>", "yes, <that works|I will be there|sounds {good}|see you {day}>", "no, <sorry|not {day}|I am at {place}|thanks>",
)  # fmt: skip
WORDINGS = {"threat": THREATS, "harassment": HARASSMENTS, "personal_data": PERSONAL, "spam": SPAMS, "none": HARMLESS}


@dataclasses.dataclass(frozen=True)
class Clause:
    text: str
    category: str


def answer(clauses):
    """The gravest category of the message's clauses."""
    category = min((clause.category for clause in clauses), key=PRIORITY.index)
    return json.dumps({"category": category, "flag": category != "none"}, separators=(",", ":"))


def clause(rng, category):
    text = say(rng, rng.choice(WORDINGS[category]), SLOTS).replace(",? ", rng.choice((", ", " "))).replace("  ", " ").strip()
    for vowel in "aeiou":
        text = text.replace(f" a {vowel}", f" an {vowel}")
    return Clause(text, category)


def draw(rng):
    clauses = [clause(rng, rng.choices(PRIORITY, WEIGHTS)[0])]
    if rng.random() < 0.22:
        clauses.append(clause(rng, "none" if rng.random() < 0.75 else clauses[0].category))
        rng.shuffle(clauses)
    return clauses


# {m}: the message in quotes or after a colon; {b}: the same without quotes
FRAMES = (
    "<check|please check|pls check|moderate|please moderate|review|please review|rate|judge|look at|check out|filter> <this|this|the|the following> <chat message|message|comment|post|text|line|sentence|review|tweet|reply|chat line>< from {u}||>: {m}",
    "<moderate|moderation|content check|content|chat|message|comment|post|tweet|review|text|chat message|msg|user comment|chat msg|input><:|:|:| -|> {m}", "<is|was> <this|this|the following|that> <message|comment|post|text|chat message|chat line|line|sentence|> <ok|okay|allowed|fine|acceptable|harmful|offensive|against the rules|spam|toxic|a threat|rude|safe|appropriate><:|?|?|> {m}", "is {m} <ok|okay|allowed|fine|offensive|acceptable|harmful|spam|toxic|bad|rude>?",
    "is it <ok|okay|fine|allowed> to <post|send|write|say|publish> <this: |this? |>{m}", "<should|must|do> <this|we|I|this> <be flagged|flag this|remove this|be removed|be deleted|block this|hide it><?|:|?> {m}", "flag<| or not| this| it><?|:> {m}", "does <this|this message|it|the following> <break the rules|violate the policy|count as bullying|need moderation|contain personal data|count as hate|sound ok><?|:|?> {m}",
    "<a user|someone|somebody|he|she|a kid|a player|a customer|the user|user {i}|{u}|a guy|a stranger|my ex|one of our users|an account|a troll> <wrote|posted|said|says|writes|sent|sent me|sent us|commented|texted|typed|left|just wrote><:|:| this:|> {m}", "<chat message|message|comment|post|mail|note> <from|by|of> {u}: {m}", "{m} <- is this ok?|- fine?|- ok?|- flag?|is this allowed?|- what do you think?|should I delete it?|- can this stay?|, what now|flag this message?|ok to publish?>", "{m}\n\n<Flag this message?|Is this ok?|Does it break the rules?|moderate>",
    "[chat] {u}: {b}", "[{t}] {u}: {b}", "{u}: {b}", "{<}<{u}>> {b}", "<can|could|would> you <check|moderate|review|rate|look at|judge|publish|allow> <this|this|this message|this comment|this text|this post><:|?|:> {m}", "what <about|do you think about|is the category of|category has> <this|this message|the message|this comment><:|?|:> {m}", "this <is a comment on our blog|was posted in our forum|is in the chat|came in|appeared in the channel|was in my inbox><:|:> {m}", "<content check please|hi, please check|moderation request|new comment|new message|reported message|flagged post><: | - |\n>{m}",
    "<hi|hello|hey><,|!> <can I post this|is this fine|please moderate><:|?> {m}", "<would|may|can> <I|you|we> <post|publish|send|keep|allow> <this|this line|the following><:|?> {m}", "i got this <message|mail|text|comment>: {m}", "user wrote: {b}",
)  # fmt: skip


def prompt(rng, clauses):
    parts = [part.text if rng.random() < 0.6 else part.text[0].upper() + part.text[1:] for part in clauses]
    message = rng.choice((". ", ", ", " and ", "! ", " ")).join(parts)
    message = roughened(rng, message) if rng.random() < 0.7 else message
    if rng.random() < 0.3 and message[-1].isalnum():
        message += rng.choice((".", "!", "!!", ".", "?"))
    flagged = any(part.category != "none" for part in clauses)
    if flagged and rng.random() < 0.3:
        return message if rng.random() < 0.85 else f'"{message}"'
    if rng.random() < 0.09:
        return as_json(rng, message)
    quoted = rng.choice((f'"{message}"', f'"{message}"', f"'{message}'", f"“{message}”", message))
    slots = {
        "m": quoted,
        "b": message,
        "<": "<",
        "u": lambda r: r.choice((r.choice(NAMES), r.choice(NAMES).lower(), made_up_word(r) + digits(r, "##"), "user" + digits(r, "##"), "troll" + digits(r, "#"))),
        "i": lambda r: str(r.randint(1, 9999)),
        "t": lambda r: f"{r.randint(0, 23):02d}:{r.randint(0, 59):02d}",
    }
    frame = say(rng, rng.choice(FRAMES), slots | {"m": "\0", "b": "\1"})
    frame = frame[0].upper() + frame[1:] if rng.random() < 0.5 else frame
    return frame.replace("\0", quoted).replace("\1", message)


def as_json(rng, message):
    fields = {}
    if rng.random() < 0.4:
        fields[rng.choice(("user", "from", "author", "id", "sender"))] = rng.choice((rng.choice(NAMES), rng.choice(NAMES).lower(), rng.randint(1, 9999)))
    fields[rng.choice(("message", "message", "text", "comment", "chat", "content", "msg", "body", "post"))] = message
    if rng.random() < 0.15:
        fields[rng.choice(("channel", "room", "lang"))] = rng.choice(("general", "en", "lobby", "support"))
    body = json.dumps(fields, ensure_ascii=False, separators=rng.choice(((",", ":"), (", ", ": "))))
    return rng.choice(("", "", "", "", "Moderate: ", "check this ", "flag? ")) + body
