-- The present schema. A test compares the database that these files create with the one that the migrations create.
-- Every name is qualified with the schema calscim, so that the search_path does not matter.

CREATE SCHEMA calscim;

-- The migrations that were applied.
CREATE TABLE calscim.schema_version (
    version     integer PRIMARY KEY,
    name        text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    oldest_compatible  integer NOT NULL DEFAULT 1  -- the last migration of the oldest release that works with it
);

-- ---------------------------------------------------------------- comparing names
-- The rules of calscim/names.py, independent of the collation of the database. A test compares the two.

-- Uppercase letters beyond ASCII without a canonical decomposition, and the final sigma. Those up to U+052F come first.
CREATE FUNCTION calscim.uppercase_letters() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT
        'ÆÐØÞĐĦĲĿŁŊŒŦƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǄǅǇǈǊǋǤǱǲǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣ'
        'ΤΥΦΧΨΩςϏϘϚϜϞϠϢϤϦϨϪϬϮϴϷϹϺϽϾϿЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢ'
        'ҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӃӅӇӉӋӍӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖႠႡႢႣႤ'
        'ႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜ'
        'ᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯᏰᏱᏲᏳᏴᏵᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾᲿẞỺỼỾℲⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅬⅭⅮⅯↃⒶⒷⒸ'
        'ⒹⒺⒻⒼⒽⒾⒿⓀⓁⓂⓃⓄⓅⓆⓇⓈⓉⓊⓋⓌⓍⓎⓏⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒ'
        'ⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎⳐⳒⳔⳖⳘⳚⳜⳞⳠⳢⳫⳭⳲꙀꙂꙄꙆꙈꙊꙌꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂ'
        'ꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝽꝾꞀꞂꞄꞆꞋꞍꞐꞒꞖꞘꞚꞜꞞꞠꞢꞤꞦꞨꞪꞫꞬꞭꞮꞰꞱꞲꞳꞴꞶꞸꞺꞼꞾꟀꟂꟄꟅꟆꟇꟉꟐꟖꟘꟵＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ'
        '𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻𐒼𐒽𐒾𐒿𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄'
        '𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁𐲂𐲃𐲄𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬𐲭𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸𑢹𑢺𑢻𑢼𑢽'
        '𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑𞤒𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝𞤞𞤟𞤠𞤡'
$$;

-- The lowercase letter of each, in the same order.
CREATE FUNCTION calscim.lowercase_letters() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT
        'æðøþđħĳŀłŋœŧɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǆǆǉǉǌǌǥǳǳƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳαβγδεζηθικλμνξοπρσ'
        'τυφχψωσϗϙϛϝϟϡϣϥϧϩϫϭϯθϸϲϻͻͼͽђєѕіјљњћџабвгдежзиклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡң'
        'ҥҧҩҫҭүұҳҵҷҹһҽҿӏӄӆӈӊӌӎӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆⴀⴁⴂⴃⴄ'
        'ⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬ'
        'ꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿᏸᏹᏺᏻᏼᏽაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾჿßỻỽỿⅎⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻⅼⅽⅾⅿↄⓐⓑⓒ'
        'ⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓ'
        'ⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏⳑⳓⳕⳗⳙⳛⳝⳟⳡⳣⳬⳮⳳꙁꙃꙅꙇꙉꙋꙍꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃ'
        'ꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼᵹꝿꞁꞃꞅꞇꞌɥꞑꞓꞗꞙꞛꞝꞟꞡꞣꞥꞧꞩɦɜɡɬɪʞʇʝꭓꞵꞷꞹꞻꞽꞿꟁꟃꞔʂᶎꟈꟊꟑꟗꟙꟶａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ'
        '𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣𐓤𐓥𐓦𐓧𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫'
        '𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁𐳂𐳃𐳄𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬𐳭𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘𑣙𑣚𑣛𑣜𑣝'
        '𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳𞤴𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿𞥀𞥁𞥂𞥃'
$$;

-- Removes surrounding white space, as Python's str.strip does.
CREATE FUNCTION calscim.trim_whitespace(p_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT btrim(p_text, E' \t\n\u000b\f\r\u001c\u001d\u001e\u001f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005'
        '\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000')
$$;

-- Folds case. translate() searches the whole list for each character: a text without uppercase letters beyond ASCII
-- skips it, and a text in a common alphabet uses only the first 245 letters.
CREATE FUNCTION calscim.fold_case(p_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN octet_length(p_text) = length(p_text) THEN lower(p_text COLLATE "C")
        WHEN normalize(p_text, NFD) COLLATE "C" !~ ('[' || calscim.uppercase_letters() || ']')
            THEN normalize(lower(normalize(p_text, NFD) COLLATE "C"), NFC)
        WHEN p_text COLLATE "C" !~ '[^\u0001-\u052f]' THEN normalize(translate(
            lower(normalize(p_text, NFD) COLLATE "C"), left(calscim.uppercase_letters(), 245),
            left(calscim.lowercase_letters(), 245)), NFC)
        ELSE normalize(translate(
            lower(normalize(p_text, NFD) COLLATE "C"), calscim.uppercase_letters(), calscim.lowercase_letters()), NFC)
    END
$$;

-- The key by which names are compared: addresses, userNames, and names of groups and teams.
CREATE FUNCTION calscim.name_key(p_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT calscim.fold_case(calscim.trim_whitespace(p_name))
$$;

-- The name of a group or team where case matters.
CREATE FUNCTION calscim.spelling(p_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT normalize(calscim.trim_whitespace(p_name), NFC)
$$;

-- ---------------------------------------------------------------- directories and tokens

-- Directories: the connections from identity providers. A deleted directory keeps its row.
CREATE TABLE calscim.directories (
    id            text PRIMARY KEY CHECK (id ~ '^[a-z0-9]{8,40}$'),
    organization  text NOT NULL,
    name          text NOT NULL CHECK (name <> ''),
    provider      text NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    deleted_at    timestamptz,
    requests_per_second  integer,          -- NULL: scim.requests_per_second, 0: no limit
    throttled_count  bigint NOT NULL DEFAULT 0,
    throttled_at  timestamptz,
    CONSTRAINT directories_rate CHECK (requests_per_second = 0 OR requests_per_second >= 25)
);
CREATE UNIQUE INDEX directories_name ON calscim.directories (lower(name)) WHERE deleted_at IS NULL;

-- Bearer tokens of directories, and of programs that read the change feed. Only a hash of the token is stored.
CREATE TABLE calscim.tokens (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    directory_id  text REFERENCES calscim.directories,
    organization  text,                    -- of a token that reads the change feed, which has no directory
    name          text NOT NULL,
    digest        bytea NOT NULL UNIQUE,   -- sha256 of the token; the token itself is never stored
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    scope         text NOT NULL DEFAULT 'write' CHECK (scope IN ('read', 'write', 'events')),
    replaced_by   bigint REFERENCES calscim.tokens,
    CONSTRAINT tokens_target CHECK (
        (directory_id IS NULL) = (scope = 'events') AND (organization IS NULL) = (scope <> 'events'))
);
CREATE INDEX tokens_directory ON calscim.tokens (directory_id);

-- The last use of each token. A table of its own: the serving role needs no privilege to change a token.
CREATE TABLE calscim.token_uses (
    token_id  bigint PRIMARY KEY REFERENCES calscim.tokens,
    used_at   timestamptz NOT NULL
);

-- Targets that the reconciler does not change, until a time or until an operator resumes them.
CREATE TABLE calscim.pauses (
    scope       text NOT NULL CHECK (scope IN ('directory', 'organization', 'team')),
    target      text NOT NULL,             -- directory id, organization name, or organization/team id
    since       timestamptz NOT NULL DEFAULT now(),
    until       timestamptz,
    reason      text,                      -- why the daemon paused it; NULL: an operator did
    PRIMARY KEY (scope, target)
);

-- Identifies the database that last reconciled each organization, so that a restored backup is noticed: it has other
-- oids, and lacks the changes since the backup.
CREATE TABLE calscim.database_identity (
    organization  text PRIMARY KEY,
    journal_oid   oid NOT NULL,            -- of calscim.journal; streaming replicas and pg_upgrade keep it
    database_oid  oid NOT NULL
);

-- ---------------------------------------------------------------- the journal

-- The last row of each stream: a directory's id, or '@' and an organization's name. Every writer locks the head before
-- anything else, so that the sequence has no gaps and follows the order of commits.
CREATE TABLE calscim.journal_heads (
    stream   text PRIMARY KEY,
    seq      bigint NOT NULL DEFAULT 0,
    at       timestamptz NOT NULL DEFAULT 'epoch',
    hash     bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex'),
    user_count   bigint NOT NULL DEFAULT 0,  -- totalResults of lists without a filter
    group_count  bigint NOT NULL DEFAULT 0,
    deleted_user_count  bigint NOT NULL DEFAULT 0  -- a deletion moves the position of other users in a list
);

-- The append-only record of every change, with the raw request, its effect and a hash chain. Partitioned by month.
CREATE TABLE calscim.journal (
    stream         text NOT NULL,
    seq            bigint NOT NULL,
    at             timestamptz NOT NULL,
    kind           text NOT NULL,          -- scim, refused, import, admin, calcom
    request_id     text NOT NULL,
    method         text NOT NULL DEFAULT '',
    path           text NOT NULL DEFAULT '',
    status         integer NOT NULL DEFAULT 0,
    remote         text NOT NULL DEFAULT '',
    token_id       bigint,
    resource_type  text NOT NULL DEFAULT '',
    resource_id    text NOT NULL DEFAULT '',
    body           bytea,                  -- the raw request, with passwords replaced
    effect         bytea,                  -- JSON: the changes of the tables, enough to repeat them
    body_digest    bytea NOT NULL,
    effect_digest  bytea NOT NULL,
    prev_hash      bytea NOT NULL,
    hash           bytea NOT NULL,
    traceparent    text,                   -- the span of the request (W3C Trace Context); not covered by the hash
    PRIMARY KEY (stream, seq, at)
) PARTITION BY RANGE (at);
CREATE TABLE calscim.journal_default PARTITION OF calscim.journal DEFAULT;
CREATE INDEX journal_request ON calscim.journal (request_id);
CREATE INDEX journal_resource ON calscim.journal (resource_id, seq) WHERE resource_id <> '';
CREATE INDEX journal_erasures ON calscim.journal (stream, seq) WHERE path = 'person.erase';

CREATE FUNCTION calscim.journal_reject_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_reject_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal_default
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_reject_change();

-- Locks the head of a stream until the transaction ends. Every function that writes calls it first.
CREATE FUNCTION calscim.lock_head(p_stream text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE v_seq bigint;
BEGIN
    SELECT seq INTO v_seq FROM calscim.journal_heads WHERE stream = p_stream FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO calscim.journal_heads (stream) VALUES (p_stream) ON CONFLICT DO NOTHING;
        SELECT seq INTO v_seq FROM calscim.journal_heads WHERE stream = p_stream FOR UPDATE;
    END IF;
    RETURN v_seq;
END $$;

-- Locks the head of a stream and returns the row.
CREATE FUNCTION calscim.lock_head_row(p_stream text) RETURNS calscim.journal_heads LANGUAGE plpgsql AS $$
DECLARE v_head calscim.journal_heads;
BEGIN
    SELECT * INTO v_head FROM calscim.journal_heads WHERE stream = p_stream FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM calscim.lock_head(p_stream);
        SELECT * INTO v_head FROM calscim.journal_heads WHERE stream = p_stream;
    END IF;
    RETURN v_head;
END $$;

-- The text that the hash of a row covers, after prev_hash. docs/reference/journal.md defines it.
CREATE FUNCTION calscim.journal_header(
    p_stream text, p_seq bigint, p_at timestamptz, p_kind text, p_request_id text, p_method text,
    p_path text, p_status integer, p_remote text, p_token_id bigint, p_resource_type text,
    p_resource_id text, p_body_digest bytea, p_effect_digest bytea
) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_array(
        p_stream, p_seq, to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), p_kind,
        p_request_id, p_method, p_path, p_status, p_remote, p_token_id, p_resource_type,
        p_resource_id, encode(p_body_digest, 'hex'), encode(p_effect_digest, 'hex')
    )::text
$$;

-- The request behind a change, as its journal row stores it.
CREATE TYPE calscim.request_origin AS (
    stream text, kind text, request_id text, method text, path text, remote text, token_id bigint, body bytea
);

-- Builds the row that follows a head.
CREATE FUNCTION calscim.build_journal_row(
    p_head calscim.journal_heads, p_origin calscim.request_origin, p_at timestamptz, p_status integer,
    p_resource_type text, p_resource_id text, p_effect bytea, p_traceparent text DEFAULT NULL
) RETURNS calscim.journal LANGUAGE plpgsql AS $$
DECLARE
    v_seq bigint := p_head.seq + 1;
    v_body_digest bytea := sha256(coalesce(p_origin.body, ''));
    v_effect_digest bytea := sha256(coalesce(p_effect, ''));
BEGIN
    RETURN ROW(
        p_origin.stream, v_seq, p_at, p_origin.kind, p_origin.request_id, p_origin.method, p_origin.path, p_status,
        p_origin.remote, p_origin.token_id, p_resource_type, p_resource_id, p_origin.body, p_effect,
        v_body_digest, v_effect_digest, p_head.hash,
        sha256(p_head.hash || convert_to(calscim.journal_header(
            p_origin.stream, v_seq, p_at, p_origin.kind, p_origin.request_id, p_origin.method, p_origin.path,
            p_status, p_origin.remote, p_origin.token_id, p_resource_type, p_resource_id,
            v_body_digest, v_effect_digest), 'UTF8')),
        p_traceparent)::calscim.journal;
END $$;

-- Appends rows of one kind to a stream whose head the transaction has locked, and notifies the daemons. p_head: the
-- head after these rows.
CREATE FUNCTION calscim.append_rows(p_head calscim.journal_heads, p_rows calscim.journal[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO calscim.journal SELECT * FROM unnest(p_rows);
    UPDATE calscim.journal_heads
    SET seq = p_head.seq, at = p_head.at, hash = p_head.hash, user_count = p_head.user_count,
        group_count = p_head.group_count, deleted_user_count = p_head.deleted_user_count
    WHERE stream = p_head.stream;
    IF (p_rows[1]).kind IN ('scim', 'import', 'admin') THEN  -- the kinds that reconcilers process
        PERFORM pg_notify('calscim', p_head.stream);
    END IF;
END $$;

-- Locks a stream and appends one row. Returns its sequence number.
CREATE FUNCTION calscim.append_row(
    p_stream text, p_kind text, p_request_id text, p_method text, p_path text, p_status integer,
    p_remote text, p_token_id bigint, p_resource_type text, p_resource_id text,
    p_body bytea, p_effect bytea, p_traceparent text DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_head calscim.journal_heads := calscim.lock_head_row(p_stream);
    v_row calscim.journal;
BEGIN
    v_row := calscim.build_journal_row(
        v_head,
        ROW(p_stream, p_kind, p_request_id, p_method, p_path, p_remote, p_token_id, p_body)::calscim.request_origin,
        greatest(clock_timestamp(), v_head.at), p_status, p_resource_type, p_resource_id, p_effect, p_traceparent);
    v_head.seq := v_row.seq;
    v_head.at := v_row.at;
    v_head.hash := v_row.hash;
    PERFORM calscim.append_rows(v_head, ARRAY[v_row]);
    RETURN v_row.seq;
END $$;

-- ---------------------------------------------------------------- users, groups, members

-- Users as the identity provider last wrote them, and people of Cal.com that an import showed.
CREATE TABLE calscim.users (
    id             uuid PRIMARY KEY,
    directory_id   text NOT NULL,
    ordinal        bigint GENERATED ALWAYS AS IDENTITY,  -- the order of lists without sortBy
    user_name      text NOT NULL,
    user_name_key  text NOT NULL,          -- calscim.name_key: userName is unique by it
    external_id    text,
    email          text NOT NULL DEFAULT '',   -- the address for Cal.com; '' if there is none
    active         boolean NOT NULL,
    managed        boolean NOT NULL,       -- the provider has written to this user; false for imported users
    source         text NOT NULL CHECK (source IN ('provider', 'cal.com')),
    data           jsonb NOT NULL,         -- the resource without id, meta and groups
    version        bigint NOT NULL DEFAULT 1,
    changed_seq    bigint NOT NULL,        -- the journal row that last changed the user
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
) WITH (fillfactor = 80);                  -- space for HOT updates, which touch no index
-- Look-up indexes begin with the value, and lists have an index of another collation, so that a plan that was made
-- while the table was empty does not use one for the other.
CREATE UNIQUE INDEX users_user_name ON calscim.users (user_name_key text_pattern_ops, directory_id);
CREATE UNIQUE INDEX users_ordinal ON calscim.users (directory_id COLLATE "C", ordinal) INCLUDE (id);
CREATE INDEX users_external_id ON calscim.users (external_id text_pattern_ops, directory_id);

-- All addresses of each user, by calscim.name_key.
CREATE TABLE calscim.user_emails (
    directory_id  text NOT NULL,
    value_key     text NOT NULL,
    user_id       uuid NOT NULL REFERENCES calscim.users ON DELETE CASCADE,
    PRIMARY KEY (user_id, value_key)
);
CREATE INDEX user_emails_value ON calscim.user_emails (directory_id, value_key text_pattern_ops);

-- Groups as the identity provider last wrote them.
CREATE TABLE calscim.groups (
    id                uuid PRIMARY KEY,
    directory_id      text NOT NULL,
    ordinal           bigint GENERATED ALWAYS AS IDENTITY,
    display_name      text NOT NULL,       -- calscim.spelling of the name; data has the original
    display_name_key  text NOT NULL,
    external_id       text,
    data              jsonb NOT NULL,      -- the resource without id, meta and members
    version           bigint NOT NULL DEFAULT 1,
    changed_seq       bigint NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);
CREATE UNIQUE INDEX groups_display_name ON calscim.groups (display_name_key text_pattern_ops, directory_id);
CREATE UNIQUE INDEX groups_ordinal ON calscim.groups (directory_id COLLATE "C", ordinal) INCLUDE (id);
CREATE INDEX groups_external_id ON calscim.groups (external_id text_pattern_ops, directory_id);

-- Members of groups: users and nested groups, with the journal row that added them.
CREATE TABLE calscim.members (
    group_id      uuid NOT NULL REFERENCES calscim.groups ON DELETE CASCADE,
    member_id     uuid NOT NULL,
    kind          text NOT NULL DEFAULT 'User' CHECK (kind IN ('User', 'Group')),
    directory_id  text NOT NULL,
    seq           bigint NOT NULL,         -- the journal row that added the member
    at            timestamptz NOT NULL,
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX members_member ON calscim.members (member_id);

-- The journal row that last removed a member from a group: the reason for an expected removal in Cal.com.
CREATE TABLE calscim.former_members (
    group_id      uuid NOT NULL,
    member_id     uuid NOT NULL,
    directory_id  text NOT NULL,
    seq           bigint NOT NULL,
    at            timestamptz NOT NULL,
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX former_members_member ON calscim.former_members (member_id);

-- Deleted users and groups, with the journal row that deleted them.
CREATE TABLE calscim.tombstones (
    id            uuid PRIMARY KEY,
    directory_id  text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('User', 'Group')),
    name          text NOT NULL,           -- userName or displayName
    email         text NOT NULL DEFAULT '',
    managed       boolean NOT NULL DEFAULT true,
    seq           bigint NOT NULL,
    at            timestamptz NOT NULL
);

-- ---------------------------------------------------------------- writing users, groups, members
-- One function per change. It gets the position of its future journal row, changes the tables, and returns the
-- effect that the row stores. calscim.apply_changes locks the head before and appends the rows after. A status other
-- than 2xx means that nothing changed. Effects are enough to repeat the changes on tables that were built from the
-- rows before:
--   user.put      the whole row without timestamps, which are those of the journal rows
--   user.delete   the id
--   group.put     the row without its members, and the ids that were added, removed, and skipped as unknown
--   group.delete  the id

-- The result of a change. 401: the token is no longer valid; 404: the directory has no such resource; 409: the name is
-- taken; 412: the resource has another version.
CREATE TYPE calscim.write_result AS (
    status integer, seq bigint, version bigint, body text, skipped text[]
);

-- The position of the journal row that a change will have.
CREATE TYPE calscim.journal_position AS (stream text, seq bigint, at timestamptz);

-- What a change function did. effect NULL: nothing, so that there is no journal row. user_delta, group_delta: the
-- change of the number of users and groups.
CREATE TYPE calscim.change_effect AS (
    status integer, version bigint, body text, skipped text[], resource_type text, resource_id text, effect bytea,
    user_delta integer, group_delta integer
);

CREATE FUNCTION calscim.iso_timestamp(p_at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- The JSON of a resource. p_base: the directory's base URL; p_extra: further members of the object. Uses right(), as
-- substr() would count all characters.
CREATE FUNCTION calscim.resource_json(
    p_type text, p_id uuid, p_data jsonb, p_version bigint, p_created timestamptz, p_updated timestamptz,
    p_base text, p_extra text
) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT '{"id":"' || p_id || '","meta":{"resourceType":"' || p_type || '","created":"'
        || calscim.iso_timestamp(p_created) || '","lastModified":"' || calscim.iso_timestamp(p_updated)
        || '","location":"' || p_base || '/' || p_type || 's/' || p_id || '","version":"W/\"' || p_version
        || '\""},' || p_extra || right(p_data::text, -1)
$$;

-- The groups that a user or group is a direct member of, as the attribute "groups" and a comma. OFFSET 0 keeps the
-- planner from joining all groups. PL/pgSQL, because SQL functions keep their plans only since Postgres 18.
CREATE FUNCTION calscim.groups_json(p_member uuid, p_base text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT '"groups":[' || coalesce(string_agg(
            '{"value":"' || g.id || '","$ref":"' || p_base || '/Groups/' || g.id || '","display":'
            || to_json(g.display_name) || ',"type":"direct"}', ',' ORDER BY g.display_name_key), '') || '],'
        FROM calscim.members m,
            LATERAL (SELECT x.* FROM calscim.groups x WHERE x.id = m.group_id OFFSET 0) g
        WHERE m.member_id = p_member);
END $$;

-- The members of a group, as the attribute "members" and a comma. Without names, so that no table is joined.
CREATE FUNCTION calscim.members_json(p_group uuid, p_base text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT '"members":[' || coalesce(string_agg(
            '{"value":"' || m.member_id || '","$ref":"' || p_base
            || CASE m.kind WHEN 'User' THEN '/Users/' ELSE '/Groups/' END || m.member_id
            || '","type":"' || m.kind || '"}', ',' ORDER BY m.member_id), '') || '],'
        FROM calscim.members m
        WHERE m.group_id = p_group);
END $$;

CREATE FUNCTION calscim.user_effect(u calscim.users, p_emails text[]) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT convert_to(json_build_object(
        'op', 'user.put', 'id', u.id, 'user_name', u.user_name, 'user_name_key', u.user_name_key,
        'external_id', u.external_id, 'email', u.email, 'emails', p_emails, 'active', u.active,
        'managed', u.managed, 'source', u.source, 'version', u.version, 'data', u.data)::text, 'UTF8')
$$;

CREATE FUNCTION calscim.create_user(
    pos calscim.journal_position, p_id uuid, p_user_name text, p_user_name_key text, p_external_id text, p_email text,
    p_emails text[], p_active boolean, p_data jsonb, p_base text
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    u calscim.users;
    v_result calscim.change_effect;
BEGIN
    IF EXISTS (SELECT FROM calscim.users x WHERE x.directory_id = pos.stream AND x.user_name_key = p_user_name_key)
    THEN
        v_result.status := 409;
        RETURN v_result;
    END IF;
    INSERT INTO calscim.users (
        id, directory_id, user_name, user_name_key, external_id, email, active, managed, source, data,
        changed_seq, created_at, updated_at)
    VALUES (
        p_id, pos.stream, p_user_name, p_user_name_key, p_external_id, p_email, p_active, true, 'provider',
        p_data, pos.seq, pos.at, pos.at)
    RETURNING * INTO u;
    INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
    SELECT pos.stream, e, p_id FROM unnest(p_emails) e;
    RETURN ROW(
        201, 1, calscim.resource_json('User', p_id, u.data, 1, pos.at, pos.at, p_base, '"groups":[],'), NULL,
        'User', p_id, calscim.user_effect(u, p_emails), 1, 0)::calscim.change_effect;
END $$;

-- Replaces the data of a user, who is managed from then on. Equal data change only the journal. p_expected NULL: any
-- version. p_active NULL: unchanged. p_set: sets only these attributes; the other arguments are NULL. Of the columns
-- only active depends on them.
CREATE FUNCTION calscim.update_user(
    pos calscim.journal_position, p_id uuid, p_expected bigint, p_user_name text, p_user_name_key text,
    p_external_id text, p_email text, p_emails text[], p_active boolean, p_data jsonb, p_base text,
    p_set jsonb DEFAULT NULL
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    v_changed boolean;
    u calscim.users;
    v_result calscim.change_effect;
BEGIN
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = pos.stream;
    IF NOT FOUND THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> u.version THEN
        v_result.status := 412;
        v_result.version := u.version;
        RETURN v_result;
    END IF;
    IF p_set IS NOT NULL THEN
        p_data := u.data || p_set;
        p_active := coalesce((p_set ->> 'active')::boolean, u.active);
        p_user_name := u.user_name;
        p_user_name_key := u.user_name_key;
        p_external_id := u.external_id;
        p_email := u.email;
        p_emails := ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = p_id ORDER BY 1);
    END IF;
    p_active := coalesce(p_active, u.active);
    IF p_user_name_key <> u.user_name_key THEN
        IF EXISTS (
            SELECT FROM calscim.users x WHERE x.directory_id = pos.stream AND x.user_name_key = p_user_name_key)
        THEN
            v_result.status := 409;
            RETURN v_result;
        END IF;
    END IF;
    v_changed := u.data <> p_data OR u.email <> p_email OR u.active <> p_active
        OR u.user_name <> p_user_name OR u.external_id IS DISTINCT FROM p_external_id;
    IF v_changed OR NOT u.managed THEN
        UPDATE calscim.users
        SET user_name = p_user_name, user_name_key = p_user_name_key, external_id = p_external_id,
            email = p_email, active = p_active, managed = true, data = p_data,
            version = version + v_changed::integer, changed_seq = pos.seq,
            updated_at = CASE WHEN v_changed THEN pos.at ELSE updated_at END
        WHERE id = p_id
        RETURNING * INTO u;
    END IF;
    IF v_changed AND p_set IS NULL THEN
        IF ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = p_id ORDER BY e.value_key)
            <> ARRAY(SELECT e FROM unnest(p_emails) e ORDER BY e)
        THEN
            DELETE FROM calscim.user_emails WHERE user_id = p_id AND NOT value_key = ANY (p_emails);
            INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
            SELECT pos.stream, e, p_id FROM unnest(p_emails) e ON CONFLICT DO NOTHING;
        END IF;
    END IF;
    RETURN ROW(
        200, u.version, calscim.resource_json(
            'User', p_id, u.data, u.version, u.created_at, u.updated_at, p_base, calscim.groups_json(p_id, p_base)),
        NULL, 'User', p_id, calscim.user_effect(u, p_emails), 0, 0)::calscim.change_effect;
END $$;

-- Removes a user or group from all groups, and increments the versions of those groups.
CREATE FUNCTION calscim.remove_from_groups(p_member uuid, p_seq bigint, p_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM calscim.members WHERE member_id = p_member RETURNING group_id, directory_id
    ), former AS (
        INSERT INTO calscim.former_members (group_id, member_id, directory_id, seq, at)
        SELECT group_id, p_member, directory_id, p_seq, p_at FROM gone
        ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at
    )
    UPDATE calscim.groups g SET version = version + 1, changed_seq = p_seq, updated_at = p_at
    FROM gone WHERE g.id = gone.group_id;
END $$;

-- Deletes a user. p_unmanaged: only if the provider has never written to the user, else 409.
CREATE FUNCTION calscim.delete_user(
    pos calscim.journal_position, p_id uuid, p_expected bigint, p_unmanaged boolean
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    u calscim.users;
    v_result calscim.change_effect;
BEGIN
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = pos.stream;
    IF NOT FOUND THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> u.version THEN
        v_result.status := 412;
        v_result.version := u.version;
        RETURN v_result;
    END IF;
    IF p_unmanaged AND u.managed THEN
        v_result.status := 409;
        RETURN v_result;
    END IF;
    PERFORM calscim.remove_from_groups(p_id, pos.seq, pos.at);
    DELETE FROM calscim.users WHERE id = p_id;
    INSERT INTO calscim.tombstones (id, directory_id, kind, name, email, managed, seq, at)
    VALUES (p_id, pos.stream, 'User', u.user_name, u.email, u.managed, pos.seq, pos.at);
    RETURN ROW(
        204, NULL, NULL, NULL, 'User', p_id,
        convert_to(json_build_object('op', 'user.delete', 'id', p_id)::text, 'UTF8'), -1, 0)::calscim.change_effect;
END $$;

-- Imports members of the Cal.com organization as unmanaged users, in this order, each with its journal row. Leaves out
-- those whose address is the name or an address of another user. p_keys: calscim.name_key of the addresses, which are
-- the userNames too. Returns the ids of the new users. Here the statements work on all rows at once: calscim.create_user
-- would take three times as long. OFFSET 0 looks up each key in the indexes, however many users the directory has.
CREATE FUNCTION calscim.import_users(
    p_stream text, p_request_id text, p_ids uuid[], p_emails text[], p_keys text[], p_data text[], p_bodies bytea[]
) RETURNS SETOF uuid LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_head calscim.journal_heads := calscim.lock_head_row(p_stream);
    v_at timestamptz := greatest(clock_timestamp(), v_head.at);
    v_rows calscim.journal[] := '{}';
    v_row calscim.journal;
    v_new record;
BEGIN
    FOR v_new IN
        WITH member AS (
            SELECT DISTINCT ON (m.key) m.*
            FROM unnest(p_ids, p_emails, p_keys, p_data, p_bodies) WITH ORDINALITY
                AS m (id, email, key, data, body, place)
            WHERE NOT EXISTS (
                    SELECT FROM calscim.users u
                    WHERE u.directory_id = p_stream AND u.user_name_key = m.key OFFSET 0)
                AND NOT EXISTS (
                    SELECT FROM calscim.user_emails e
                    WHERE e.directory_id = p_stream AND e.value_key = m.key OFFSET 0)
            ORDER BY m.key, m.place
        ), imported AS (
            INSERT INTO calscim.users (
                id, directory_id, user_name, user_name_key, email, active, managed, source, data, changed_seq,
                created_at, updated_at)
            SELECT m.id, p_stream, m.email, m.key, m.email, true, false, 'cal.com', m.data::jsonb,
                v_head.seq + row_number() OVER (ORDER BY m.place), v_at, v_at
            FROM member m
            ORDER BY m.place
            RETURNING *
        ), addresses AS (
            INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
            SELECT p_stream, user_name_key, id FROM imported
        )
        SELECT u.id, m.body, calscim.user_effect(u, ARRAY[m.key]) AS effect
        FROM imported u JOIN member m USING (id)
        ORDER BY u.changed_seq
    LOOP
        v_row := calscim.build_journal_row(
            v_head,
            ROW(p_stream, 'import', p_request_id, '', '', '', NULL, v_new.body)::calscim.request_origin,
            v_at, 201, 'User', v_new.id::text, v_new.effect);
        v_rows := v_rows || v_row;
        v_head.seq := v_row.seq;
        v_head.at := v_at;
        v_head.hash := v_row.hash;
        RETURN NEXT v_new.id;
    END LOOP;
    IF cardinality(v_rows) > 0 THEN
        v_head.user_count := v_head.user_count + cardinality(v_rows);
        PERFORM calscim.append_rows(v_head, v_rows);
    END IF;
END $$;

-- Gives an imported user the new address of its account. The user stays unmanaged. Deletes the user as a duplicate if
-- another user has the name or the address, with its link: the account is imported again when its address is free. 404:
-- the provider has written to the user meanwhile, or the user was deleted.
CREATE FUNCTION calscim.update_imported_user(
    pos calscim.journal_position, p_id uuid, p_user_name text, p_key text, p_data jsonb
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    u calscim.users;
    v_result calscim.change_effect;
BEGIN
    IF NOT EXISTS (SELECT FROM calscim.users x WHERE x.id = p_id AND x.directory_id = pos.stream AND NOT x.managed) THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF EXISTS (
        SELECT FROM calscim.users x
        WHERE x.directory_id = pos.stream AND x.user_name_key = p_key AND x.id <> p_id
        UNION ALL
        SELECT FROM calscim.user_emails e
        WHERE e.directory_id = pos.stream AND e.value_key = p_key AND e.user_id <> p_id)
    THEN
        DELETE FROM calscim.account_links WHERE user_id = p_id;
        RETURN calscim.delete_user(pos, p_id, NULL, true);
    END IF;
    UPDATE calscim.users
    SET user_name = p_user_name, user_name_key = p_key, email = p_user_name, data = p_data,
        version = version + 1, changed_seq = pos.seq, updated_at = pos.at
    WHERE id = p_id
    RETURNING * INTO u;
    DELETE FROM calscim.user_emails WHERE user_id = p_id AND value_key <> p_key;
    INSERT INTO calscim.user_emails (directory_id, value_key, user_id) VALUES (pos.stream, p_key, p_id)
    ON CONFLICT DO NOTHING;
    RETURN ROW(
        200, u.version, NULL, NULL, 'User', p_id, calscim.user_effect(u, ARRAY[p_key]), 0, 0)::calscim.change_effect;
END $$;

-- The ids among these that can be members of the group, with their kinds.
CREATE FUNCTION calscim.member_kinds(p_directory text, p_group uuid, p_ids uuid[])
RETURNS TABLE (member_id uuid, kind text) LANGUAGE sql STABLE AS $$
    SELECT u.id, 'User' FROM unnest(p_ids) i JOIN calscim.users u ON u.id = i WHERE u.directory_id = p_directory
    UNION
    SELECT g.id, 'Group' FROM unnest(p_ids) i JOIN calscim.groups g ON g.id = i
    WHERE g.directory_id = p_directory AND g.id <> p_group
$$;

-- Binds mappings to a group that got a name. Mappings that wait for exactly this name are bound to the group and
-- returned. Mappings that are bound already take the name, so that they wait for it if the group is deleted. A
-- mapping keeps its name if another mapping of the directory has the new name and the same team.
CREATE FUNCTION calscim.bind_mappings(p_directory text, p_group uuid, p_name text)
RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_bound bigint[];
    v_id bigint;
BEGIN
    WITH bound AS (
        UPDATE calscim.mappings SET group_id = p_group
        WHERE directory_id = p_directory AND group_name = p_name AND group_id IS NULL AND removed_at IS NULL
        RETURNING id)
    SELECT coalesce(array_agg(id ORDER BY id), '{}') INTO v_bound FROM bound;
    FOR v_id IN
        SELECT id FROM calscim.mappings
        WHERE group_id = p_group AND group_name <> p_name AND removed_at IS NULL ORDER BY id
    LOOP  -- one at a time, so that each sees the new names of the others
        UPDATE calscim.mappings m
        SET group_name = p_name, former_names = array_remove(m.former_names, p_name) || m.group_name
        WHERE m.id = v_id AND NOT EXISTS (
            SELECT FROM calscim.mappings o
            WHERE o.directory_id = m.directory_id AND o.group_name = p_name AND o.removed_at IS NULL
                AND coalesce(o.team_id, 0) = coalesce(m.team_id, 0));
    END LOOP;
    RETURN v_bound;
END $$;

CREATE FUNCTION calscim.group_effect(
    g calscim.groups, p_added uuid[], p_added_groups uuid[], p_removed uuid[], p_skipped text[],
    p_bound bigint[]
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT convert_to(json_build_object(
        'op', 'group.put', 'id', g.id, 'display_name', g.display_name,
        'display_name_key', g.display_name_key, 'external_id', g.external_id, 'version', g.version,
        'data', g.data, 'added', p_added, 'added_groups', p_added_groups, 'removed', p_removed,
        'skipped', p_skipped, 'bound', p_bound)::text, 'UTF8')
$$;

-- The body of a response. p_answer: full, bare (without members) or none.
CREATE FUNCTION calscim.group_json(g calscim.groups, p_base text, p_answer text)
RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN CASE p_answer WHEN 'none' THEN NULL ELSE calscim.resource_json(
        'Group', g.id, g.data, g.version, g.created_at, g.updated_at, p_base,
        CASE p_answer WHEN 'full' THEN calscim.members_json(g.id, p_base) ELSE '' END) END;
END $$;

CREATE FUNCTION calscim.create_group(
    pos calscim.journal_position, p_id uuid, p_display_name text, p_display_name_key text, p_external_id text,
    p_data jsonb, p_members uuid[], p_unknown text[], p_base text, p_answer text
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    v_users uuid[];
    v_groups uuid[];
    g calscim.groups;
    v_bound bigint[] := '{}';
    v_result calscim.change_effect;
BEGIN
    IF EXISTS (
        SELECT FROM calscim.groups x WHERE x.directory_id = pos.stream AND x.display_name_key = p_display_name_key)
    THEN
        v_result.status := 409;
        RETURN v_result;
    END IF;
    INSERT INTO calscim.groups (
        id, directory_id, display_name, display_name_key, external_id, data, changed_seq, created_at, updated_at)
    VALUES (
        p_id, pos.stream, p_display_name, p_display_name_key, p_external_id, p_data, pos.seq, pos.at, pos.at)
    RETURNING * INTO g;
    WITH added AS (
        INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
        SELECT p_id, k.member_id, k.kind, pos.stream, pos.seq, pos.at
        FROM calscim.member_kinds(pos.stream, p_id, p_members) k
        RETURNING member_id, kind
    )
    SELECT coalesce(array_agg(member_id) FILTER (WHERE kind = 'User'), '{}'),
           coalesce(array_agg(member_id) FILTER (WHERE kind = 'Group'), '{}')
    INTO v_users, v_groups FROM added;
    v_result.skipped := p_unknown || ARRAY(
        SELECT i::text FROM (SELECT unnest(p_members) EXCEPT SELECT unnest(v_users || v_groups)) s (i));
    v_bound := calscim.bind_mappings(pos.stream, p_id, p_display_name);
    RETURN ROW(
        201, 1, calscim.group_json(g, p_base, p_answer), v_result.skipped, 'Group', p_id,
        calscim.group_effect(g, v_users, v_groups, '{}', v_result.skipped, v_bound), 0, 1)::calscim.change_effect;
END $$;

-- Adds a member to a group. Returns its kind, 'User' or 'Group', or 'present' or 'unknown' if nothing changed.
CREATE FUNCTION calscim.add_member(p_directory text, p_group uuid, p_member uuid, p_seq bigint, p_at timestamptz)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_kind text;
BEGIN
    IF EXISTS (SELECT FROM calscim.users u WHERE u.id = p_member AND u.directory_id = p_directory) THEN
        v_kind := 'User';
    ELSIF p_member <> p_group
        AND EXISTS (SELECT FROM calscim.groups g WHERE g.id = p_member AND g.directory_id = p_directory)
    THEN
        v_kind := 'Group';
    ELSE
        RETURN 'unknown';
    END IF;
    INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
    VALUES (p_group, p_member, v_kind, p_directory, p_seq, p_at)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 'present';
    END IF;
    DELETE FROM calscim.former_members WHERE group_id = p_group AND member_id = p_member;
    RETURN v_kind;
END $$;

-- Changes attributes and members of a group. p_data NULL: no attributes. p_replace: p_add are all members; otherwise
-- p_add are added and p_remove are removed, at a cost that does not depend on the size of the group.
CREATE FUNCTION calscim.update_group(
    pos calscim.journal_position, p_id uuid, p_expected bigint, p_display_name text, p_display_name_key text,
    p_external_id text, p_data jsonb, p_replace boolean, p_add uuid[], p_remove uuid[], p_unknown text[],
    p_base text, p_answer text
) RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    v_users uuid[] := '{}';
    v_groups uuid[] := '{}';
    v_removed uuid[] := '{}';
    v_renamed boolean;
    v_id uuid;
    g calscim.groups;
    v_bound bigint[] := '{}';
    v_result calscim.change_effect;
BEGIN
    SELECT * INTO g FROM calscim.groups WHERE id = p_id AND directory_id = pos.stream;
    IF NOT FOUND THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> g.version THEN
        v_result.status := 412;
        v_result.version := g.version;
        RETURN v_result;
    END IF;
    v_renamed := p_data IS NOT NULL AND p_display_name <> g.display_name;
    IF v_renamed THEN
        IF EXISTS (
            SELECT FROM calscim.groups x
            WHERE x.directory_id = pos.stream AND x.display_name_key = p_display_name_key AND x.id <> p_id)
        THEN
            v_result.status := 409;
            RETURN v_result;
        END IF;
    END IF;
    IF p_replace THEN
        WITH gone AS (
            DELETE FROM calscim.members m
            WHERE m.group_id = p_id AND NOT EXISTS (SELECT FROM unnest(p_add) a (id) WHERE a.id = m.member_id)
            RETURNING member_id
        )
        SELECT coalesce(array_agg(member_id), '{}') INTO v_removed FROM gone;
    ELSIF cardinality(p_remove) > 0 THEN
        WITH gone AS (
            DELETE FROM calscim.members m
            WHERE m.group_id = p_id AND m.member_id = ANY (p_remove)
            RETURNING member_id
        )
        SELECT coalesce(array_agg(member_id), '{}') INTO v_removed FROM gone;
    END IF;
    IF cardinality(v_removed) > 0 THEN
        INSERT INTO calscim.former_members (group_id, member_id, directory_id, seq, at)
        SELECT p_id, r, pos.stream, pos.seq, pos.at FROM unnest(v_removed) r
        ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
    END IF;
    v_result.skipped := p_unknown;
    IF cardinality(p_add) BETWEEN 1 AND 4 THEN  -- one at a time: cheaper than the statement for sets
        FOREACH v_id IN ARRAY p_add LOOP
            CASE calscim.add_member(pos.stream, p_id, v_id, pos.seq, pos.at)
                WHEN 'User' THEN v_users := v_users || v_id;
                WHEN 'Group' THEN v_groups := v_groups || v_id;
                WHEN 'unknown' THEN v_result.skipped := v_result.skipped || v_id::text;
                ELSE NULL;  -- is a member already
            END CASE;
        END LOOP;
    ELSIF cardinality(p_add) > 0 THEN
        WITH known AS (
            SELECT k.member_id, k.kind FROM calscim.member_kinds(pos.stream, p_id, p_add) k
        ), added AS (
            INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
            SELECT p_id, k.member_id, k.kind, pos.stream, pos.seq, pos.at FROM known k
            ON CONFLICT DO NOTHING
            RETURNING member_id, kind
        ), returned AS (
            DELETE FROM calscim.former_members f
            WHERE f.group_id = p_id AND f.member_id IN (SELECT a.member_id FROM added a)
        )
        SELECT coalesce((SELECT array_agg(a.member_id) FROM added a WHERE a.kind = 'User'), '{}'),
               coalesce((SELECT array_agg(a.member_id) FROM added a WHERE a.kind = 'Group'), '{}'),
               p_unknown || ARRAY(
                   SELECT i::text FROM (SELECT unnest(p_add) EXCEPT SELECT k.member_id FROM known k) s (i))
        INTO v_users, v_groups, v_result.skipped;
    END IF;
    IF cardinality(v_users) + cardinality(v_groups) + cardinality(v_removed) > 0
        OR (p_data IS NOT NULL AND (v_renamed OR p_data <> g.data OR p_external_id IS DISTINCT FROM g.external_id))
    THEN
        UPDATE calscim.groups
        SET display_name = CASE WHEN p_data IS NULL THEN display_name ELSE p_display_name END,
            display_name_key = CASE WHEN v_renamed THEN p_display_name_key ELSE display_name_key END,
            external_id = CASE WHEN p_data IS NULL THEN external_id ELSE p_external_id END,
            data = coalesce(p_data, data), version = version + 1, changed_seq = pos.seq, updated_at = pos.at
        WHERE id = p_id
        RETURNING * INTO g;
    END IF;
    IF v_renamed THEN
        v_bound := calscim.bind_mappings(pos.stream, p_id, p_display_name);
    END IF;
    RETURN ROW(
        CASE p_answer WHEN 'none' THEN 204 ELSE 200 END, g.version, calscim.group_json(g, p_base, p_answer),
        v_result.skipped, 'Group', p_id,
        calscim.group_effect(g, v_users, v_groups, v_removed, v_result.skipped, v_bound), 0, 0)::calscim.change_effect;
END $$;

CREATE FUNCTION calscim.delete_group(pos calscim.journal_position, p_id uuid, p_expected bigint)
RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE
    g calscim.groups;
    v_result calscim.change_effect;
BEGIN
    SELECT * INTO g FROM calscim.groups WHERE id = p_id AND directory_id = pos.stream;
    IF NOT FOUND THEN
        v_result.status := 404;
        RETURN v_result;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> g.version THEN
        v_result.status := 412;
        v_result.version := g.version;
        RETURN v_result;
    END IF;
    PERFORM calscim.remove_from_groups(p_id, pos.seq, pos.at);
    INSERT INTO calscim.former_members (group_id, member_id, directory_id, seq, at)
    SELECT p_id, m.member_id, pos.stream, pos.seq, pos.at FROM calscim.members m WHERE m.group_id = p_id
    ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
    DELETE FROM calscim.groups WHERE id = p_id;
    UPDATE calscim.mappings SET group_id = NULL WHERE group_id = p_id AND removed_at IS NULL;
    INSERT INTO calscim.tombstones (id, directory_id, kind, name, seq, at)
    VALUES (p_id, pos.stream, 'Group', g.display_name, pos.seq, pos.at);
    RETURN ROW(
        204, NULL, NULL, NULL, 'Group', p_id,
        convert_to(json_build_object('op', 'group.delete', 'id', p_id)::text, 'UTF8'), 0, -1)::calscim.change_effect;
END $$;

-- Applies one change. args: the arguments by name; arrays in the notation of Postgres.
CREATE FUNCTION calscim.apply_change(p_op text, pos calscim.journal_position, args jsonb)
RETURNS calscim.change_effect LANGUAGE plpgsql AS $$
DECLARE v_id uuid := (args ->> 'id')::uuid;
BEGIN
    CASE p_op
    WHEN 'user.create' THEN
        RETURN calscim.create_user(
            pos, v_id, args ->> 'user_name', args ->> 'key', args ->> 'external_id', args ->> 'email',
            (args ->> 'emails')::text[], (args ->> 'active')::boolean, args -> 'data', args ->> 'base');
    WHEN 'user.update' THEN
        RETURN calscim.update_user(
            pos, v_id, (args ->> 'expected')::bigint, args ->> 'user_name', args ->> 'key', args ->> 'external_id',
            args ->> 'email', (args ->> 'emails')::text[], (args ->> 'active')::boolean,
            args -> 'data', args ->> 'base');
    WHEN 'user.set' THEN
        RETURN calscim.update_user(
            pos, v_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, args ->> 'base', args -> 'set');
    WHEN 'user.delete' THEN
        RETURN calscim.delete_user(pos, v_id, (args ->> 'expected')::bigint, (args ->> 'unmanaged')::boolean);
    WHEN 'user.follow' THEN
        RETURN calscim.update_imported_user(pos, v_id, args ->> 'user_name', args ->> 'key', args -> 'data');
    WHEN 'group.create' THEN
        RETURN calscim.create_group(
            pos, v_id, args ->> 'display_name', args ->> 'key', args ->> 'external_id', args -> 'data',
            (args ->> 'add')::uuid[], (args ->> 'unknown')::text[], args ->> 'base',
            args ->> 'answer');
    WHEN 'group.update' THEN
        RETURN calscim.update_group(
            pos, v_id, (args ->> 'expected')::bigint, args ->> 'display_name', args ->> 'key', args ->> 'external_id',
            args -> 'data', (args ->> 'replace')::boolean, (args ->> 'add')::uuid[], (args ->> 'remove')::uuid[],
            (args ->> 'unknown')::text[], args ->> 'base', args ->> 'answer');
    WHEN 'group.delete' THEN
        RETURN calscim.delete_group(pos, v_id, (args ->> 'expected')::bigint);
    END CASE;
END $$;

-- Applies changes of one directory, in this order, in one transaction. Each succeeds or is refused on its own and
-- has its own journal row; they share the head, the check of the token and the commit. Returns the results in the
-- same order. The settings: a plan that is made while a table is nearly empty would scan the table, and stay in use
-- when the table has grown; planning each call again costs more than a better plan saves. Nested IFs, here and
-- above, avoid needless queries. p_traceparents: NULL without tracing.
CREATE FUNCTION calscim.apply_changes(
    p_stream text, p_ops text[], p_kinds text[], p_request_ids text[], p_methods text[], p_paths text[],
    p_remotes text[], p_token_ids bigint[], p_bodies bytea[], p_arguments text[],
    p_traceparents text[] DEFAULT NULL
) RETURNS SETOF calscim.write_result LANGUAGE plpgsql
SET enable_seqscan = off SET jit = off SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_head calscim.journal_heads := calscim.lock_head_row(p_stream);
    v_valid bigint;  -- the last token that was valid
    v_at timestamptz;
    v_rows calscim.journal[] := '{}';
    v_result calscim.change_effect;
    v_row calscim.journal;
BEGIN
    FOR i IN 1 .. cardinality(p_ops) LOOP
        IF p_token_ids[i] <> v_valid IS NOT FALSE THEN
            IF p_token_ids[i] IS NOT NULL AND NOT EXISTS (
                SELECT FROM calscim.tokens t JOIN calscim.directories d ON d.id = t.directory_id
                WHERE t.id = p_token_ids[i] AND d.id = p_stream AND t.revoked_at IS NULL AND d.deleted_at IS NULL
                    AND (t.expires_at IS NULL OR t.expires_at > clock_timestamp()))
            THEN
                RETURN NEXT ROW(401, NULL, NULL, NULL, NULL)::calscim.write_result;
                CONTINUE;
            END IF;
            v_valid := p_token_ids[i];
        END IF;
        v_at := greatest(clock_timestamp(), v_head.at);
        v_result := calscim.apply_change(
            p_ops[i], ROW(p_stream, v_head.seq + 1, v_at)::calscim.journal_position, p_arguments[i]::jsonb);
        IF v_result.effect IS NOT NULL THEN
            v_row := calscim.build_journal_row(
                v_head,
                ROW(
                    p_stream, p_kinds[i], p_request_ids[i], p_methods[i], p_paths[i], p_remotes[i], p_token_ids[i],
                    p_bodies[i])::calscim.request_origin,
                v_at, v_result.status, v_result.resource_type, v_result.resource_id, v_result.effect,
                p_traceparents[i]);
            v_rows := v_rows || v_row;
            v_head.seq := v_row.seq;
            v_head.at := v_at;
            v_head.hash := v_row.hash;
            v_head.user_count := v_head.user_count + v_result.user_delta;
            v_head.group_count := v_head.group_count + v_result.group_delta;
            v_head.deleted_user_count := v_head.deleted_user_count + (v_result.user_delta < 0)::integer;
        END IF;
        RETURN NEXT ROW(
            v_result.status, CASE WHEN v_result.effect IS NULL THEN NULL ELSE v_row.seq END, v_result.version,
            v_result.body, v_result.skipped
        )::calscim.write_result;
    END LOOP;
    IF cardinality(v_rows) > 0 THEN
        PERFORM calscim.append_rows(v_head, v_rows);
    END IF;
END $$;

-- Deletes a user outside of a batch.
CREATE FUNCTION calscim.delete_user(p_origin calscim.request_origin, p_id uuid, p_expected bigint, p_unmanaged boolean)
RETURNS calscim.write_result LANGUAGE sql AS $$
    SELECT * FROM calscim.apply_changes(
        p_origin.stream, ARRAY['user.delete'], ARRAY[p_origin.kind], ARRAY[p_origin.request_id],
        ARRAY[p_origin.method], ARRAY[p_origin.path],
        ARRAY[p_origin.remote], ARRAY[p_origin.token_id], ARRAY[p_origin.body],
        ARRAY[jsonb_build_object('id', p_id, 'expected', p_expected, 'unmanaged', p_unmanaged)::text])
$$;

-- The outcome of a request whose connection was lost. Waits until its transaction has ended.
CREATE FUNCTION calscim.find_outcome(p_stream text, p_request_id text, p_body bytea, p_since timestamptz)
RETURNS TABLE (status integer, seq bigint, resource_type text, resource_id text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM calscim.lock_head(p_stream);
    RETURN QUERY
        SELECT j.status, j.seq, j.resource_type, j.resource_id FROM calscim.journal j
        WHERE j.stream = p_stream AND j.request_id = p_request_id AND j.kind = 'scim' AND j.at > p_since
            AND j.body_digest = sha256(coalesce(p_body, ''))
        ORDER BY j.seq DESC LIMIT 1;
END $$;

-- ---------------------------------------------------------------- desired state

-- Mappings of groups to teams, with role and mode. A removed mapping keeps its row.
CREATE TABLE calscim.mappings (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    directory_id  text NOT NULL REFERENCES calscim.directories,
    group_name    text NOT NULL,           -- as typed, then the last name of the group; compared by calscim.spelling
    group_id      uuid,                    -- the group of this name; NULL until there is one
    team_id       bigint,                  -- NULL: the organization; below 0: calscim has yet to create team_name
    team_name     text NOT NULL,
    role          text NOT NULL CHECK (role IN ('MEMBER', 'ADMIN', 'OWNER')),
    mode          text NOT NULL CHECK (mode IN ('observe', 'add-only', 'managed', 'exclusive')),
    seq           bigint NOT NULL,         -- the journal row (organization's stream) of its last edit
    created_at    timestamptz NOT NULL DEFAULT now(),
    removed_at    timestamptz,
    removed_seq   bigint,
    directory_seq bigint NOT NULL DEFAULT 0,  -- the last row of the directory's journal at the last edit
    former_names  text[] NOT NULL DEFAULT '{}'  -- earlier names of the group, latest last
);
CREATE UNIQUE INDEX mappings_live ON calscim.mappings (directory_id, group_name, coalesce(team_id, 0))
    WHERE removed_at IS NULL;
CREATE INDEX mappings_group ON calscim.mappings (group_id) WHERE removed_at IS NULL;

-- Teams that calscim created. Cal.com makes the API key's user (cal_user_id) their owner, who leaves the team once
-- it has another owner (released_at).
CREATE TABLE calscim.created_teams (
    organization   text NOT NULL,
    team_id        bigint NOT NULL,
    name           text NOT NULL,
    cal_user_id    bigint NOT NULL,
    membership_id  bigint,                 -- of the API key's user; NULL: not observed yet
    created_at     timestamptz NOT NULL DEFAULT now(),
    released_at    timestamptz,
    PRIMARY KEY (organization, team_id)
);

-- Attribute values from the directory that calscim set in Cal.com: only these may be cleared when the directory no
-- longer gives them. Rows are deleted with the value, and when the account leaves.
CREATE TABLE calscim.applied_attributes (
    organization  text NOT NULL,
    cal_user_id   bigint NOT NULL,
    attribute_id  text NOT NULL,
    value         text NOT NULL,           -- all values, a JSON list; '[]' before the first call
    applied_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, cal_user_id, attribute_id)
);

-- ---------------------------------------------------------------- what calscim changed in Cal.com

-- The Cal.com account of each user. The row outlives the user, until the account has left the organization.
CREATE TABLE calscim.account_links (
    organization  text NOT NULL,
    user_id       uuid NOT NULL,
    cal_user_id   bigint NOT NULL,
    origin        text NOT NULL CHECK (origin IN ('created', 'attached', 'found')),
    email         text NOT NULL,
    linked_at     timestamptz NOT NULL DEFAULT now(),
    missed_passes  integer NOT NULL DEFAULT 0,  -- complete passes in a row that did not observe the account
    PRIMARY KEY (organization, user_id)
);
CREATE INDEX account_links_account ON calscim.account_links (organization, cal_user_id);
CREATE INDEX account_links_email ON calscim.account_links (organization, calscim.name_key(email));

-- The account that each user had when it last left the organization. When the user returns, calscim attaches the same
-- account by its id: Cal.com keeps accounts, and refuses to create a second one for an address.
CREATE TABLE calscim.former_accounts (
    organization  text NOT NULL,
    user_id       uuid NOT NULL,
    cal_user_id   bigint NOT NULL,
    email         text NOT NULL,  -- of the account, when it left
    left_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, user_id)
);

-- What the answers of Cal.com showed about its build.
CREATE TABLE calscim.build_traits (
    organization  text NOT NULL,
    trait         text NOT NULL CHECK (trait IN ('invites_by_email', 'clears_teams')),
    value         boolean NOT NULL,
    learned_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, trait)
);

-- Team memberships that calscim made, or found in place when they became desired. An operator can have calscim adopt
-- those that it found: calscim then removes them as if it had made them.
CREATE TABLE calscim.ledger (
    organization   text NOT NULL,
    team_id        bigint NOT NULL,
    cal_user_id    bigint NOT NULL,
    user_id        uuid NOT NULL,
    origin         text NOT NULL CHECK (origin IN ('added', 'adopted', 'found')),
    role           text NOT NULL,
    mode           text NOT NULL,          -- the mode under which it was last desired
    mapping_ids    bigint[] NOT NULL,      -- the mappings that last asked for it
    membership_id  bigint,
    written_at     timestamptz NOT NULL DEFAULT now(),
    missed_passes  integer NOT NULL DEFAULT 0,
    PRIMARY KEY (organization, team_id, cal_user_id)
);

-- Organization roles that calscim granted, and the mappings that asked for them: only these are revoked.
CREATE TABLE calscim.org_role_grants (
    organization  text NOT NULL,
    cal_user_id   bigint NOT NULL,
    user_id       uuid NOT NULL,
    role          text NOT NULL,
    mode          text NOT NULL,           -- the mode under which it was granted
    mapping_ids   bigint[] NOT NULL,
    written_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization, cal_user_id)
);

-- Attempts of actions: inserted before the call to Cal.com, finished after it.
CREATE TABLE calscim.actions (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization   text NOT NULL,
    pass_id        bigint NOT NULL,
    plan_hash      text NOT NULL,
    kind           text NOT NULL,
    email          text NOT NULL,
    user_id        uuid,
    cal_user_id    bigint,
    team_id        bigint,
    role           text,
    because        text NOT NULL,
    stream         text,                   -- with seq: the journal row that asked for it
    seq            bigint,
    request_id     text NOT NULL,          -- sent to Cal.com and logged; that of the push if there was one
    term           bigint NOT NULL,
    begun_at       timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    outcome        text,                   -- done, already, refused, failed, unknown
    detail         text NOT NULL DEFAULT '',
    membership_id  bigint,
    is_removal     boolean NOT NULL DEFAULT false,  -- a removal or a demotion
    is_drift       boolean NOT NULL DEFAULT false,  -- no journal row asked for the action
    is_approved    boolean NOT NULL DEFAULT false,  -- an operator approved it
    ended_team_ids  bigint[] NOT NULL DEFAULT '{}'   -- the teams that a deprovision ends
);
CREATE INDEX actions_begun ON calscim.actions (organization, begun_at)
    WHERE is_removal OR kind IN ('user.create', 'user.attach', 'member.add', 'member.role');
CREATE INDEX actions_open ON calscim.actions (organization) WHERE finished_at IS NULL;
CREATE INDEX actions_person ON calscim.actions (organization, email, id);
CREATE INDEX actions_edge ON calscim.actions (organization, team_id, cal_user_id, id) WHERE team_id IS NOT NULL;
-- Attempts without a known outcome: few rows, read by every pass.
CREATE INDEX actions_unknown ON calscim.actions (organization, pass_id) WHERE outcome = 'unknown';

-- The mappings of a user's groups to a team, or to the organization for NULL, and their strongest mode: those of the
-- groups that the user is or was in, else those of deleted groups. ids NULL: there are none.
CREATE FUNCTION calscim.find_mappings(p_organization text, p_team bigint, p_user uuid)
RETURNS TABLE (ids bigint[], mode text) LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(m.id ORDER BY m.id) FILTER (WHERE m.theirs),
                    array_agg(m.id ORDER BY m.id) FILTER (WHERE m.group_id IS NULL)),
           (ARRAY['observe', 'add-only', 'managed', 'exclusive'])[
               coalesce(max(m.strength) FILTER (WHERE m.theirs), max(m.strength) FILTER (WHERE m.group_id IS NULL))]
    FROM (
        SELECT m.id, m.group_id,
               array_position(ARRAY['observe', 'add-only', 'managed', 'exclusive'], m.mode) AS strength,
               EXISTS (
                   SELECT FROM calscim.members i WHERE i.group_id = m.group_id AND i.member_id = p_user
                   UNION ALL
                   SELECT FROM calscim.former_members f
                   WHERE f.group_id = m.group_id AND f.member_id = p_user) AS theirs
        FROM calscim.mappings m JOIN calscim.directories d ON d.id = m.directory_id
        WHERE m.team_id IS NOT DISTINCT FROM p_team AND d.organization = p_organization
    ) m
$$;

-- Actions that failed, with the reason and the time of the next attempt.
CREATE TABLE calscim.parked_actions (
    organization  text NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,           -- the user's id, else the account's id
    team_id       bigint NOT NULL DEFAULT 0,
    email         text NOT NULL,
    reason        text NOT NULL,
    refused       boolean NOT NULL,        -- Cal.com refused it: retried when the action changes, or after an hour
    fingerprint   text NOT NULL,           -- of the action; a changed action is due at once
    attempts      integer NOT NULL,
    since         timestamptz NOT NULL,
    next_try      timestamptz NOT NULL,
    unanswered    boolean NOT NULL DEFAULT false,  -- Cal.com did not answer: due at its next answer
    PRIMARY KEY (organization, kind, subject, team_id)
);

-- Sets of actions over a limit, until they are approved, stale or no longer planned.
CREATE TABLE calscim.holds (
    organization  text NOT NULL,
    hash          text NOT NULL,
    guard         text NOT NULL,           -- the description of the limit
    actions       jsonb NOT NULL,
    first_seen    timestamptz NOT NULL DEFAULT now(),
    last_seen     timestamptz NOT NULL DEFAULT now(),
    approved_at   timestamptz,
    released_at   timestamptz,
    is_current    boolean NOT NULL DEFAULT true,
    announced_at  timestamptz,             -- when the daemon alerted the operator; `calscim plan` does not alert
    PRIMARY KEY (organization, hash)
);

-- Refuses approvals by a role that cannot insert approved_at, such as the serving role beside an operators' role.
-- Such a role can clear an approval, as holding a set again does.
CREATE FUNCTION calscim.holds_check_approver() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approved_at IS NOT NULL AND NEW.approved_at IS DISTINCT FROM OLD.approved_at
        AND NOT has_column_privilege('calscim.holds', 'approved_at', 'INSERT')
    THEN
        RAISE EXCEPTION 'the role % may not approve a held set', current_user
            USING ERRCODE = 'insufficient_privilege', HINT = 'calscim approve uses database.operator_dsn.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER holds_check_approver BEFORE UPDATE OF approved_at ON calscim.holds
    FOR EACH ROW EXECUTE FUNCTION calscim.holds_check_approver();

-- Drift that is corrected only once it has lasted: the number of complete passes that observed it.
CREATE TABLE calscim.drift_observations (
    organization  text NOT NULL,
    digest        text NOT NULL,           -- of the action: kind, person, membership and roles
    team_id       bigint NOT NULL,         -- 0: the organization
    email         text NOT NULL,
    pass_count    integer NOT NULL DEFAULT 1,
    first_seen    timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen     timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization, digest)
);

-- Passes of the reconciler, with the report that `calscim status` reads.
CREATE TABLE calscim.reconcile_passes (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization  text NOT NULL,
    scope         text NOT NULL CHECK (scope IN ('full', 'incremental')),
    begun_at      timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    complete      boolean NOT NULL DEFAULT false,
    in_sync       boolean NOT NULL DEFAULT false,
    report        jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX reconcile_passes_latest ON calscim.reconcile_passes (organization, id DESC);

-- The last row of each stream that the reconciler of an organization has processed.
CREATE TABLE calscim.journal_offsets (
    organization  text NOT NULL,
    stream        text NOT NULL,
    seq           bigint NOT NULL,
    PRIMARY KEY (organization, stream)
);

-- Requests of the command line for a full pass, and their results.
CREATE TABLE calscim.sync_requests (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization  text NOT NULL,
    requested_at  timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    pass_id       bigint,
    finished_at   timestamptz,
    detail        text NOT NULL DEFAULT ''
);

-- The daemon that may reconcile each organization, until when, and the term.
CREATE TABLE calscim.leases (
    organization  text PRIMARY KEY,
    holder        text NOT NULL,
    term          bigint NOT NULL,
    expires_at    timestamptz NOT NULL
);

-- The running daemons and the fingerprints of their secrets, which calscim check compares with the files. A
-- fingerprint is an HMAC of the row's salt with the secret as the key.
CREATE TABLE calscim.daemons (
    holder        text PRIMARY KEY,        -- host/process/random, as in leases
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    salt          bytea NOT NULL,
    fingerprints  jsonb NOT NULL           -- configuration key -> hexadecimal digits
);

-- The daemons that share the organizations, with the organizations that each has in its configuration. Only a lease
-- permits a daemon to reconcile.
CREATE TABLE calscim.lease_candidates (
    holder         text PRIMARY KEY,
    organizations  text[] NOT NULL,
    expires_at     timestamptz NOT NULL
);

-- The rate limit of each API key, as the daemon last recorded it for status.
CREATE TABLE calscim.rate_budgets (
    organization  text PRIMARY KEY,
    "limit"       integer NOT NULL,
    remaining     integer NOT NULL,
    resets_at     timestamptz NOT NULL
);

-- ---------------------------------------------------------------- partitions and archives

-- Creates the partitions of this month and the next ones (UTC), also for the serving role, which cannot create
-- tables. Does not wait for locks: state 'busy' asks the caller to try again. A month that has rows in
-- journal_default stays there (state 'default').
CREATE FUNCTION calscim.journal_create_partitions(p_ahead integer)
RETURNS TABLE (partition text, state text) LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    v_month timestamp := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    v_from timestamptz;
    v_to timestamptz;
BEGIN
    IF p_ahead NOT BETWEEN 0 AND 36 THEN
        RAISE EXCEPTION 'partitions can be created for 0 to 36 months ahead, not %', p_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR i IN 0 .. p_ahead LOOP
        v_from := (v_month + make_interval(months => i)) AT TIME ZONE 'UTC';
        v_to := (v_month + make_interval(months => i + 1)) AT TIME ZONE 'UTC';
        partition := 'journal_' || to_char(v_from AT TIME ZONE 'UTC', 'YYYY_MM');
        state := 'exists';
        IF to_regclass('calscim.' || partition) IS NULL THEN
            BEGIN
                state := calscim.journal_create_partition(partition, v_from, v_to);
            EXCEPTION WHEN lock_not_available THEN
                state := 'busy';
            WHEN duplicate_table THEN
                state := 'exists';
            WHEN check_violation THEN  -- a row arrived meanwhile
                state := 'default';
            END;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_create_partitions(integer) FROM PUBLIC;

-- Creates one partition. Returns created, exists, or default if journal_default has rows of that month.
CREATE FUNCTION calscim.journal_create_partition(p_name text, p_from timestamptz, p_to timestamptz)
RETURNS text LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(x'63616c7363696d32'::bigint);
    IF EXISTS (SELECT FROM pg_class WHERE relnamespace = 'calscim'::regnamespace AND relname = p_name) THEN
        RETURN 'exists';
    END IF;
    IF EXISTS (SELECT FROM calscim.journal_default WHERE at >= p_from AND at < p_to) THEN
        RAISE NOTICE '% is not created: journal_default has rows of that month', p_name;
        RETURN 'default';
    END IF;
    EXECUTE format(
        'CREATE TABLE calscim.%I PARTITION OF calscim.journal FOR VALUES FROM (%L) TO (%L)', p_name, p_from, p_to);
    PERFORM calscim.journal_copy_privileges(p_name);
    RETURN 'created';
END $$;
REVOKE ALL ON FUNCTION calscim.journal_create_partition(text, timestamptz, timestamptz) FROM PUBLIC;

-- Gives a partition the SELECT and INSERT privileges of the journal, and takes all others away.
CREATE FUNCTION calscim.journal_copy_privileges(p_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE r record;
BEGIN
    EXECUTE format(
        'CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_reject_change()', p_name);
    FOR r IN
        SELECT DISTINCT 'REVOKE ALL ON calscim.%I FROM ' || calscim.quote_role_name(a.grantee) AS statement, 1 AS place
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = ('calscim.' || p_name)::regclass AND a.grantee <> c.relowner
        UNION
        SELECT 'GRANT ' || a.privilege_type || ' ON calscim.%I TO ' || calscim.quote_role_name(a.grantee), 2
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'calscim.journal'::regclass AND a.grantee <> c.relowner
            AND a.privilege_type IN ('SELECT', 'INSERT')
        UNION
        SELECT 'REVOKE UPDATE, DELETE, TRUNCATE ON calscim.%I FROM CURRENT_USER', 3
        WHERE NOT has_table_privilege('calscim.journal', 'UPDATE')
        ORDER BY 2
    LOOP
        EXECUTE format(r.statement, p_name);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_copy_privileges(text) FROM PUBLIC;

CREATE FUNCTION calscim.quote_role_name(p_role oid) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE p_role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p_role)) END
$$;

-- Moves the rows of journal_default to the partitions of their months, for the owner. Locks the journal. Returns the
-- number of rows. Renames the old table before dropping it, as single_role.sql refuses to drop tables of the
-- journal.
CREATE FUNCTION calscim.journal_move_default_rows() RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO' AS $$
DECLARE
    v_month timestamp;
    v_rows bigint;
BEGIN
    LOCK TABLE calscim.journal IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE calscim.journal DETACH PARTITION calscim.journal_default;
    ALTER TABLE calscim.journal_default RENAME TO default_rows;
    ALTER INDEX calscim.journal_default_pkey RENAME TO default_rows_pkey;
    CREATE TABLE calscim.journal_default PARTITION OF calscim.journal DEFAULT;
    PERFORM calscim.journal_copy_privileges('journal_default');
    FOR v_month IN
        SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') FROM calscim.default_rows ORDER BY 1
    LOOP
        PERFORM calscim.journal_create_partition(
            'journal_' || to_char(v_month, 'YYYY_MM'), v_month AT TIME ZONE 'UTC',
            (v_month + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
    INSERT INTO calscim.journal SELECT * FROM calscim.default_rows;
    GET DIAGNOSTICS v_rows = ROW_COUNT;
    DROP TABLE calscim.default_rows;
    RETURN v_rows;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_move_default_rows() FROM PUBLIC;

-- Drops the partition of an archived month, for the owner.
CREATE FUNCTION calscim.journal_drop_partition(p_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('ALTER TABLE calscim.journal DETACH PARTITION calscim.%I', p_name);
    EXECUTE format('ALTER TABLE calscim.%I RENAME TO archived_month', p_name);
    DROP TABLE calscim.archived_month;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_drop_partition(text) FROM PUBLIC;

-- The last row of each stream in each archive. Verification of a stream starts after its latest archive.
CREATE TABLE calscim.journal_archives (
    stream       text NOT NULL,
    seq          bigint NOT NULL,
    at           timestamptz NOT NULL,
    hash         bytea NOT NULL,
    partition    text NOT NULL,
    file         text NOT NULL,            -- the name without the folder
    digest       bytea NOT NULL,           -- sha256 of the file
    archived_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, seq)
);
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON calscim.journal_archives
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_reject_change();
CREATE TRIGGER journal_no_truncate BEFORE TRUNCATE ON calscim.journal_archives
    FOR EACH STATEMENT EXECUTE FUNCTION calscim.journal_reject_change();

CREATE FUNCTION calscim.journal_require_owner() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role((SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'USAGE') THEN
        RAISE EXCEPTION 'only the owner of % can change it', TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER journal_require_owner BEFORE INSERT ON calscim.journal_archives
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_require_owner();

-- Users, groups and members at the end of the last archived month: a rebuild starts from them.
CREATE TABLE calscim.opening_balances (
    stream  text NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('User', 'Group', 'FormerMember', 'Tombstone')),
    id      text NOT NULL,
    position  bigint NOT NULL,           -- the order in which they were created
    state   text NOT NULL,                 -- JSON
    PRIMARY KEY (stream, kind, id)
);
CREATE TRIGGER opening_balances_require_owner BEFORE INSERT OR UPDATE OR DELETE ON calscim.opening_balances
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_require_owner();

-- ---------------------------------------------------------------- erasing a person
-- An erasure sets bodies and effects to NULL and leaves their digests, so that the chain stays valid. A journal row
-- (kind admin, path person.erase) of the same transaction names them; no other change of the journal is possible.

-- Returns true if the erasure row of this transaction, which the setting calscim.erasure names, covers these columns.
CREATE FUNCTION calscim.journal_erasure_covers(p_stream text, p_seq bigint, p_body boolean, p_effect boolean)
RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM calscim.journal e
        WHERE e.stream = split_part(current_setting('calscim.erasure', true), ' ', 1)
            AND e.seq = nullif(split_part(current_setting('calscim.erasure', true), ' ', 2), '')::bigint
            AND e.kind = 'admin' AND e.path = 'person.erase' AND e.xmin = xid(pg_current_xact_id())
            AND (NOT p_body OR convert_from(e.effect, 'UTF8')::jsonb #> ARRAY['rows', p_stream, 'body']
                @> to_jsonb(p_seq))
            AND (NOT p_effect OR convert_from(e.effect, 'UTF8')::jsonb #> ARRAY['rows', p_stream, 'effect']
                @> to_jsonb(p_seq)))
$$;

CREATE FUNCTION calscim.journal_check_change() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE v_row calscim.journal;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        v_row := OLD;
        v_row.body := NEW.body;
        v_row.effect := NEW.effect;
        IF v_row IS NOT DISTINCT FROM NEW
            AND (NEW.body IS NULL OR NEW.body IS NOT DISTINCT FROM OLD.body)
            AND (NEW.effect IS NULL OR NEW.effect IS NOT DISTINCT FROM OLD.effect)
            AND OLD.path <> 'person.erase'
            AND pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'calscim.journal'::regclass), 'USAGE')
            AND calscim.journal_erasure_covers(
                OLD.stream, OLD.seq, OLD.body IS DISTINCT FROM NEW.body, OLD.effect IS DISTINCT FROM NEW.effect)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the journal is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON calscim.journal
    FOR EACH ROW EXECUTE FUNCTION calscim.journal_check_change();

-- Applies an erasure row of this transaction, for the owner. Returns the number of changed rows. An owner that is
-- also the serving role has revoked its own UPDATE privilege, and grants it to itself for this statement.
CREATE FUNCTION calscim.journal_erase(p_stream text, p_seq bigint) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_lent boolean := NOT has_table_privilege('calscim.journal', 'UPDATE');
    v_rows bigint := 0;
    n record;
BEGIN
    PERFORM set_config('calscim.erasure', p_stream || ' ' || p_seq, true);
    IF v_lent THEN
        GRANT UPDATE ON calscim.journal TO CURRENT_USER;
    END IF;
    FOR n IN  -- one at a time: each row is found by its key
        SELECT s.key AS stream, q.seq::bigint AS seq, bool_or(c.key = 'body') AS body,
            bool_or(c.key = 'effect') AS effect
        FROM calscim.journal e,
            jsonb_each(convert_from(e.effect, 'UTF8')::jsonb -> 'rows') s, jsonb_each(s.value) c,
            jsonb_array_elements_text(c.value) q (seq)
        WHERE e.stream = p_stream AND e.seq = p_seq
        GROUP BY 1, 2
    LOOP
        UPDATE calscim.journal j
        SET body = CASE WHEN n.body THEN NULL ELSE j.body END,
            effect = CASE WHEN n.effect THEN NULL ELSE j.effect END
        WHERE j.stream = n.stream AND j.seq = n.seq
            AND (n.body AND j.body IS NOT NULL OR n.effect AND j.effect IS NOT NULL);
        v_rows := v_rows + FOUND::integer;
    END LOOP;
    IF v_lent THEN
        REVOKE UPDATE ON calscim.journal FROM CURRENT_USER;
    END IF;
    PERFORM set_config('calscim.erasure', '', true);
    RETURN v_rows;
END $$;
REVOKE ALL ON FUNCTION calscim.journal_erase(text, bigint) FROM PUBLIC;

-- The first partitions.
DO $$ BEGIN PERFORM calscim.journal_create_partitions(1); END $$;
-- ---------------------------------------------------------------- notifications

-- Lasting conditions for which a channel has a message, and events without an end. scope: '' for conditions in the
-- database, 'once' for events, otherwise the host whose daemon sees the condition.
CREATE TABLE calscim.conditions (
    channel      text NOT NULL,
    scope        text NOT NULL,
    event        text NOT NULL,
    key          text NOT NULL,
    opened_at    timestamptz NOT NULL DEFAULT now(),
    notified_at  timestamptz NOT NULL DEFAULT now(),  -- when the last message about it was queued
    first_id     uuid NOT NULL,            -- the first message about it
    PRIMARY KEY (channel, scope, event, key)
);

-- The outbox: messages to channels, kept for 30 days after they were delivered or given up.
CREATE TABLE calscim.notifications (
    id            uuid PRIMARY KEY,
    channel       text NOT NULL,
    type          text NOT NULL,
    payload       jsonb NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    next_try      timestamptz NOT NULL DEFAULT now(),
    attempts      integer NOT NULL DEFAULT 0,
    claimed_until timestamptz,             -- set while a daemon delivers it
    delivered_at  timestamptz,
    given_up_at   timestamptz,
    failed_at     timestamptz,
    reason        text                     -- why the last attempt failed
);
CREATE INDEX notifications_due ON calscim.notifications (channel, next_try)
    WHERE delivered_at IS NULL AND given_up_at IS NULL;
-- ---------------------------------------------------------------- the level of the log

-- The level of the log that an operator set for all daemons (`calscim log level`), until a time. At most one row.
CREATE TABLE calscim.log_level (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    level   text NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error')),
    until   timestamptz NOT NULL,
    set_by  text NOT NULL,               -- the operating system's user and machine
    set_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- ---------------------------------------------------------------- the change feed

-- The last position of the change feed. A transaction that adds events locks this row: positions follow the order of commits.
CREATE TABLE calscim.event_head (
    is_only      boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    seq          bigint NOT NULL DEFAULT 0,
    deleted_seq  bigint NOT NULL DEFAULT 0  -- events up to here were deleted, because they were old
);

-- The last journal row of each stream that the change feed contains.
CREATE TABLE calscim.event_offsets (
    stream  text PRIMARY KEY,
    seq     bigint NOT NULL
);

-- The change feed: what happened to users, groups and memberships, in Cal.com, and by operators, in one order.
CREATE TABLE calscim.events (
    seq           bigint PRIMARY KEY,
    id            text NOT NULL UNIQUE,    -- from the hash of the journal row: a restored database gives the same id again
    at            timestamptz NOT NULL,
    type          text NOT NULL,
    directory     text,                    -- the name
    organization  text,
    stream        text NOT NULL,           -- the journal row
    journal_seq   bigint NOT NULL,
    user_id       text,                    -- the user that the event is about
    data          json NOT NULL            -- json and not jsonb: it keeps the order of the members
);

-- How far each webhook channel with the change feed has come.
CREATE TABLE calscim.event_deliveries (
    channel        text PRIMARY KEY,
    seq            bigint NOT NULL,        -- the last event that was delivered or given up
    attempts       integer NOT NULL DEFAULT 0,  -- of the next event
    failing_since  timestamptz,            -- when the first attempt of the next event failed
    next_try       timestamptz NOT NULL DEFAULT now(),
    claimed_until  timestamptz,            -- set while a daemon delivers
    delivered_at   timestamptz,
    failed_at      timestamptz,
    reason         text,                   -- why the last attempt failed
    given_up       bigint NOT NULL DEFAULT 0
);
-- ---------------------------------------------------------------- console

-- Sessions of signed-in operators. The browser has the session's secret, and the database only its SHA-256.
CREATE TABLE calscim.console_sessions (
    digest       bytea PRIMARY KEY,
    id           bigint GENERATED ALWAYS AS IDENTITY,  -- names the session for people; no secret
    person       text NOT NULL,            -- the address or name that journal rows get
    role         text NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    method       text NOT NULL CHECK (method IN ('oidc', 'link')),  -- how the person signed in
    form_token   text NOT NULL,            -- every form that changes something sends it
    id_token     text,                     -- of the OpenID provider, to sign out there
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL
);
CREATE INDEX console_sessions_expiry ON calscim.console_sessions (expires_at);

-- Sign-ins that have begun: links of `calscim console link`, and requests to the OpenID provider. Each works once.
CREATE TABLE calscim.console_sign_ins (
    digest       bytea PRIMARY KEY,        -- SHA-256 of the link's secret, or of the request's state
    person       text,                     -- of a link
    role         text,                     -- of a link
    nonce        text,                     -- of a request to the provider
    verifier     text,                     -- of a request: the secret of PKCE
    target       text NOT NULL DEFAULT '/',  -- the page that the person asked for
    expires_at   timestamptz NOT NULL
);
CREATE INDEX console_sign_ins_expiry ON calscim.console_sign_ins (expires_at);
