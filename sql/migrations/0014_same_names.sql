-- One notion of the same name, of addresses, userNames, groups and teams.
-- The rules of calscim/names.py, whatever the collation of the database is; a test compares both.

-- Capital letters beyond ASCII that have no canonical decomposition, and the final sigma; those up to U+052F first.
CREATE FUNCTION calscim.capitals() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
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

-- What each of the capital letters stands for, in the same order.
CREATE FUNCTION calscim.small_letters() RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
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

-- Without white space around it: what Python's str.strip takes off.
CREATE FUNCTION calscim.trimmed(p_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT btrim(p_text, E' \t\n\u000b\f\r\u001c\u001d\u001e\u001f\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005'
        '\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000')
$$;

-- A text as it is compared where case does not count. translate() looks each character up in the whole list: a
-- text that has no capital letter beyond ASCII is spared that, and one of the common alphabets the rest of the list.
CREATE FUNCTION calscim.folded(p_text text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN octet_length(p_text) = length(p_text) THEN lower(p_text COLLATE "C")
        WHEN normalize(p_text, NFD) COLLATE "C" !~ ('[' || calscim.capitals() || ']')
            THEN normalize(lower(normalize(p_text, NFD) COLLATE "C"), NFC)
        WHEN p_text COLLATE "C" !~ '[^\u0001-\u052f]' THEN normalize(translate(
            lower(normalize(p_text, NFD) COLLATE "C"), left(calscim.capitals(), 245),
            left(calscim.small_letters(), 245)), NFC)
        ELSE normalize(translate(
            lower(normalize(p_text, NFD) COLLATE "C"), calscim.capitals(), calscim.small_letters()), NFC)
    END
$$;

-- What two spellings of one name have in common: an address, a userName, the name of a group or of a team.
CREATE FUNCTION calscim.name_key(p_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT calscim.folded(calscim.trimmed(p_name))
$$;

-- The name of a group or a team as it is compared where case counts.
CREATE FUNCTION calscim.spelling(p_name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT normalize(calscim.trimmed(p_name), NFC)
$$;

-- Where an earlier release took two userNames for different ones, each user keeps its key as long as both are there.
CREATE OR REPLACE FUNCTION calscim.user_update(
    t calscim.turn, p_id uuid, p_expected bigint, p_user_name text, p_user_name_key text, p_external_id text,
    p_email text, p_emails text[], p_active boolean, p_data jsonb, p_base text, p_set jsonb DEFAULT NULL
) RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE
    v_changed boolean;
    u calscim.users;
    w calscim.made;
BEGIN
    SELECT * INTO u FROM calscim.users WHERE id = p_id AND directory_id = t.stream;
    IF NOT FOUND THEN
        w.status := 404;
        RETURN w;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> u.version THEN
        w.status := 412;
        w.version := u.version;
        RETURN w;
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
            SELECT FROM calscim.users x WHERE x.directory_id = t.stream AND x.user_name_key = p_user_name_key)
        THEN
            IF p_user_name_key <> calscim.name_key(u.user_name) THEN
                w.status := 409;
                RETURN w;
            END IF;
            p_user_name_key := u.user_name_key;  -- an earlier release took the two for different names
        END IF;
    END IF;
    v_changed := u.data <> p_data OR u.email <> p_email OR u.active <> p_active
        OR u.user_name <> p_user_name OR u.external_id IS DISTINCT FROM p_external_id;
    IF v_changed OR NOT u.managed THEN
        UPDATE calscim.users
        SET user_name = p_user_name, user_name_key = p_user_name_key, external_id = p_external_id,
            email = p_email, active = p_active, managed = true, data = p_data,
            version = version + v_changed::integer, changed_seq = t.seq,
            updated_at = CASE WHEN v_changed THEN t.at ELSE updated_at END
        WHERE id = p_id
        RETURNING * INTO u;
    END IF;
    IF v_changed AND p_set IS NULL THEN
        IF ARRAY(SELECT e.value_key FROM calscim.user_emails e WHERE e.user_id = p_id ORDER BY e.value_key)
            <> ARRAY(SELECT e FROM unnest(p_emails) e ORDER BY e)
        THEN
            DELETE FROM calscim.user_emails WHERE user_id = p_id AND NOT value_key = ANY (p_emails);
            INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
            SELECT t.stream, e, p_id FROM unnest(p_emails) e ON CONFLICT DO NOTHING;
        END IF;
    END IF;
    RETURN ROW(
        200, u.version, calscim.resource_json(
            'User', p_id, u.data, u.version, u.created_at, u.updated_at, p_base, calscim.groups_json(p_id, p_base)),
        NULL, 'User', p_id, calscim.user_effect(u, p_emails), 0, 0)::calscim.made;
END $$;

-- The same for groups: a key changes only when its group is renamed.
CREATE OR REPLACE FUNCTION calscim.group_update(
    t calscim.turn, p_id uuid, p_expected bigint, p_display_name text, p_display_name_key text,
    p_external_id text, p_data jsonb, p_replace boolean, p_add uuid[], p_remove uuid[], p_unknown text[],
    p_base text, p_answer text
) RETURNS calscim.made LANGUAGE plpgsql AS $$
DECLARE
    v_users uuid[] := '{}';
    v_groups uuid[] := '{}';
    v_removed uuid[] := '{}';
    v_renamed boolean;
    v_id uuid;
    g calscim.groups;
    v_bound bigint[] := '{}';
    w calscim.made;
BEGIN
    SELECT * INTO g FROM calscim.groups WHERE id = p_id AND directory_id = t.stream;
    IF NOT FOUND THEN
        w.status := 404;
        RETURN w;
    END IF;
    IF p_expected IS NOT NULL AND p_expected <> g.version THEN
        w.status := 412;
        w.version := g.version;
        RETURN w;
    END IF;
    v_renamed := p_data IS NOT NULL AND p_display_name <> g.display_name;
    IF v_renamed THEN
        IF EXISTS (
            SELECT FROM calscim.groups x
            WHERE x.directory_id = t.stream AND x.display_name_key = p_display_name_key AND x.id <> p_id)
        THEN
            w.status := 409;
            RETURN w;
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
        SELECT p_id, r, t.stream, t.seq, t.at FROM unnest(v_removed) r
        ON CONFLICT (group_id, member_id) DO UPDATE SET seq = excluded.seq, at = excluded.at;
    END IF;
    w.skipped := p_unknown;
    IF cardinality(p_add) BETWEEN 1 AND 4 THEN  -- one after the other: to begin with sets costs more than these
        FOREACH v_id IN ARRAY p_add LOOP
            CASE calscim.add_member(t.stream, p_id, v_id, t.seq, t.at)
                WHEN 'User' THEN v_users := v_users || v_id;
                WHEN 'Group' THEN v_groups := v_groups || v_id;
                WHEN 'unknown' THEN w.skipped := w.skipped || v_id::text;
                ELSE NULL;  -- is in the group already
            END CASE;
        END LOOP;
    ELSIF cardinality(p_add) > 0 THEN
        WITH known AS (
            SELECT k.member_id, k.kind FROM calscim.member_kinds(t.stream, p_id, p_add) k
        ), added AS (
            INSERT INTO calscim.members (group_id, member_id, kind, directory_id, seq, at)
            SELECT p_id, k.member_id, k.kind, t.stream, t.seq, t.at FROM known k
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
        INTO v_users, v_groups, w.skipped;
    END IF;
    IF cardinality(v_users) + cardinality(v_groups) + cardinality(v_removed) > 0
        OR (p_data IS NOT NULL AND (v_renamed OR p_data <> g.data OR p_external_id IS DISTINCT FROM g.external_id))
    THEN
        UPDATE calscim.groups
        SET display_name = CASE WHEN p_data IS NULL THEN display_name ELSE p_display_name END,
            display_name_key = CASE WHEN v_renamed THEN p_display_name_key ELSE display_name_key END,
            external_id = CASE WHEN p_data IS NULL THEN external_id ELSE p_external_id END,
            data = coalesce(p_data, data), version = version + 1, changed_seq = t.seq, updated_at = t.at
        WHERE id = p_id
        RETURNING * INTO g;
    END IF;
    IF v_renamed THEN
        v_bound := calscim.bind_mappings(t.stream, p_id, p_display_name);
    END IF;
    RETURN ROW(
        CASE p_answer WHEN 'none' THEN 204 ELSE 200 END, g.version, calscim.group_json(g, p_base, p_answer), w.skipped,
        'Group', p_id, calscim.group_effect(g, v_users, v_groups, v_removed, w.skipped, v_bound), 0, 0)::calscim.made;
END $$;

DROP INDEX calscim.links_email;
CREATE INDEX links_email ON calscim.links (organization, calscim.name_key(email));

-- ---------------------------------------------------------------- what is stored
-- Of several names that are one now, the one that has its key already keeps it, else the first gets it. The others keep
-- the keys they have, which no name can have any more: nobody is lost, and all are found by their ids.

UPDATE calscim.users u SET user_name_key = k.key
FROM (SELECT id, user_name_key AS before, calscim.name_key(user_name_key) AS key, row_number() OVER (
          PARTITION BY directory_id, calscim.name_key(user_name_key)
          ORDER BY user_name_key = calscim.name_key(user_name_key) DESC, ordinal) AS place
      FROM calscim.users) k
WHERE k.id = u.id AND k.place = 1 AND k.key <> k.before;

INSERT INTO calscim.user_emails (directory_id, value_key, user_id)
SELECT directory_id, calscim.name_key(value_key), user_id FROM calscim.user_emails
WHERE value_key <> calscim.name_key(value_key) AND calscim.name_key(value_key) <> ''
ON CONFLICT DO NOTHING;
DELETE FROM calscim.user_emails WHERE value_key <> calscim.name_key(value_key);

UPDATE calscim.groups SET display_name = calscim.spelling(display_name)
WHERE display_name <> calscim.spelling(display_name);
UPDATE calscim.groups g SET display_name_key = k.key
FROM (SELECT id, display_name_key AS before, calscim.name_key(display_name_key) AS key, row_number() OVER (
          PARTITION BY directory_id, calscim.name_key(display_name_key)
          ORDER BY display_name_key = calscim.name_key(display_name_key) DESC, ordinal) AS place
      FROM calscim.groups) k
WHERE k.id = g.id AND k.place = 1 AND k.key <> k.before;
UPDATE calscim.tombstones SET name = calscim.spelling(name) WHERE kind = 'Group' AND name <> calscim.spelling(name);

UPDATE calscim.mappings m SET group_name = k.spelling
FROM (SELECT id, group_name AS before, calscim.spelling(group_name) AS spelling, row_number() OVER (
          PARTITION BY directory_id, calscim.spelling(group_name), coalesce(team_id, 0)
          ORDER BY group_name = calscim.spelling(group_name) DESC, id) AS place
      FROM calscim.mappings WHERE removed_at IS NULL) k
WHERE k.id = m.id AND k.place = 1 AND k.spelling <> k.before;

-- A group that was there, and whose name no mapping could have.
UPDATE calscim.mappings m SET group_id = g.id
FROM (SELECT directory_id, display_name, min(id::text)::uuid AS id FROM calscim.groups
      GROUP BY directory_id, display_name HAVING count(*) = 1) g
WHERE m.group_id IS NULL AND m.removed_at IS NULL AND g.directory_id = m.directory_id AND g.display_name = m.group_name;
