package dev.switchboard.constraint;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Base64;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.Example;
import net.jqwik.api.Tag;

/**
 * Each format's language: thousands of texts made by its specification's grammar, or by somebody
 * else's printer, that can all be written, and texts next to valid ones that cannot. The generators
 * know nothing of the expressions.
 */
@Tag("computation")
class FormatFuzzTest {
  private static final int TEXTS = Integer.getInteger("switchboard.fuzz.formats", 10_000);
  private static final long SEED = Long.getLong("switchboard.fuzz.seed", 20_261_129L);

  private static final String LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  private static final String DIGITS = "0123456789";
  private static final String HEX = DIGITS + "abcdefABCDEF";
  private static final String UNRESERVED = LETTERS + DIGITS + "-._~";
  private static final String DELIMITERS = "!$&'()*+,;=";

  /** Minutes beside UTC of all zones in the last seconds of June and December. */
  private static final List<Integer> LEAP_OFFSETS =
      IntStream.rangeClosed(2 * 1972, 2 * 2026 + 1)
          .mapToObj(half -> LocalDate.of(half / 2, 1, 1).plusMonths(half % 2 * 6L))
          .map(day -> day.atStartOfDay().minusSeconds(1).toInstant(ZoneOffset.UTC))
          .filter(instant -> instant.isAfter(Instant.parse("1972-06-01T00:00:00Z")))
          .flatMap(
              instant ->
                  ZoneId.getAvailableZoneIds().stream()
                      .map(zone -> ZoneId.of(zone).getRules().getOffset(instant)))
          .map(offset -> offset.getTotalSeconds() / 60)
          .distinct()
          .sorted()
          .toList();

  private static final Map<StringFormat, Function<Random, String>> VALID =
      new EnumMap<>(StringFormat.class);

  /** Next to valid ones, with a bar between. */
  private static final Map<StringFormat, String> INVALID = new EnumMap<>(StringFormat.class);

  static {
    VALID.put(StringFormat.BYTE, FormatFuzzTest::base64);
    VALID.put(StringFormat.DATE, FormatFuzzTest::date);
    VALID.put(StringFormat.TIME, FormatFuzzTest::time);
    VALID.put(StringFormat.DATE_TIME, FormatFuzzTest::dateTime);
    VALID.put(StringFormat.DURATION, FormatFuzzTest::duration);
    VALID.put(StringFormat.UUID, FormatFuzzTest::uuid);
    VALID.put(StringFormat.EMAIL, FormatFuzzTest::email);
    VALID.put(StringFormat.HOSTNAME, random -> host(random, 1));
    VALID.put(StringFormat.IPV4, FormatFuzzTest::ipv4);
    VALID.put(StringFormat.IPV6, FormatFuzzTest::ipv6);
    VALID.put(StringFormat.URI, random -> uri(random, ""));
    VALID.put(StringFormat.URI_REFERENCE, random -> reference(random, ""));
    VALID.put(StringFormat.IRI, random -> uri(random, "é日本😀ß"));
    VALID.put(StringFormat.IRI_REFERENCE, random -> reference(random, "é日本😀ß"));
    VALID.put(StringFormat.JSON_POINTER, FormatFuzzTest::pointer);
    VALID.put(
        StringFormat.RELATIVE_JSON_POINTER,
        random -> random.nextInt(1000) + (random.nextInt(4) == 0 ? "#" : pointer(random)));

    INVALID.put(StringFormat.BYTE, "a|ab|abc|abcde|ab=|a===|ab==ab==|abc-|a b=");
    INVALID.put(
        StringFormat.DATE,
        "2023-02-29|1900-02-29|2024-13-01|2024-00-10|2024-04-31|2024-1-01|24-01-01|2024-01-01T"
            + "|2100-02-29|2024-02-30||2024-01-00|02024-01-01");
    INVALID.put(
        StringFormat.TIME,
        "24:00:00Z|12:60:00Z|12:00:60Z|12:00Z|12:00:00|12:00:00.Z|12:00:00+24:00|12:00:00+1:00"
            + "|12:00:00Z+01:00|1:00:00Z|23:59:61Z|22:59:60Z|23:58:60Z|23:59:60+01:00"
            + "|22:59:60+01:00|23:59:60.Z|15:59:60+08:00|23:59:60-00:15|00:59:60z");
    INVALID.put(
        StringFormat.DATE_TIME,
        "2024-01-01|2024-01-01 12:00:00Z|2024-02-30T12:00:00Z|2024-01-01T12:00:00|"
            + "2024-05-31T23:59:60Z|2016-12-31T23:59:61Z|2024-01-01T12:00:00+01|"
            + "2016-12-31T00:59:60+01:00|2017-01-01T23:59:60Z|2017-01-01T15:59:60-08:00|"
            + "2016-12-31T23:58:60Z|2016-12-30T23:59:60z|2024-01-01tT12:00:00Z");
    INVALID.put(StringFormat.DURATION, "P|PT|P1|1D|P1DT|P1H|PT1D|P1W1D|P1Y1D|PT1H1S|P-1D|P1.5D");
    INVALID.put(
        StringFormat.UUID,
        "0123456-89ab-cdef-0123-456789abcdef|01234567-89ab-cdef-0123-456789abcdeg|"
            + "0123456789abcdef0123456789abcdef|{01234567-89ab-cdef-0123-456789abcdef}");
    INVALID.put(
        StringFormat.EMAIL,
        "a|@b.co|a@|a@b,c|\"a@b.co|a\"b\"@c.de|\"a\"b@c.de|\"a\"\"@c.de|\"a\\\"@b.co|\"é\"@b.co"
            + "|a@[1.2.3]|a@[256.1.1.1]|a@[::1]|a@[IPv6:1.2.3.4]|a@[IPv6:::1|a@[IPv6:1:2:3:4:5:6:7::]|a@[1.2.3.4].de|a@[x:y]|\"\"@|a..b@c.de|.a@b.co|a.@b.co|a@-b.co|a@b-.co|a@b..co|a"
            + " b@c.de|a@b.co.|"
            + "a".repeat(65)
            + "@b.co|\""
            + "a".repeat(63)
            + "\"@b.co|a@b@c.de|a\\@b@c.de|a@"
            + "b.".repeat(126)
            + "c");
    INVALID.put(
        StringFormat.HOSTNAME,
        "|-a|a-|a..b|.a|a.|a_b|a b|" + "a".repeat(64) + "|" + "a.".repeat(127) + "a|é.com");
    INVALID.put(
        StringFormat.IPV4, "1.2.3|1.2.3.4.5|256.1.1.1|01.2.3.4|1.2.3.4/8|1.2.3.-4|1..2.3| 1.2.3.4");
    INVALID.put(
        StringFormat.IPV6,
        ":|:::|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1::2::3|12345::|g::|::1.2.3|::256.1.1.1|fe80::1%0"
            + "|1:2:3:4:5:6:7:1.2.3.4|::1/64|1.2.3.4|1:2:3:4::5:6:7:8:9");
    INVALID.put(
        StringFormat.URI,
        "|a|:|//a.b|/a|http//a|1a:b|http://a"
            + " b|http://[::1|http://[1]|http://a:b/|a:%4|a:%zz|a:b#c#d|http://é|a:<b>|a:\\\\");
    INVALID.put(StringFormat.URI_REFERENCE, "a b|%4|%zz|a#b#c|1a:b|http://[::1|<a>|é");
    INVALID.put(StringFormat.IRI, "é|a b:c|a:%4|http://[é]|a:b#c#d|é:b|a:\ue000|a:b#\ue000");
    INVALID.put(StringFormat.IRI_REFERENCE, "a b|%4|a#b#c|http://[é]|<a>|\ue000");
    INVALID.put(StringFormat.JSON_POINTER, "a|/~|/~2|#/a|/a/~");
    INVALID.put(StringFormat.RELATIVE_JSON_POINTER, "|/a|01|1a|#|1#/a|-1/a|1/~2");
  }

  @Example
  void whatTheSpecificationAllowsCanAllBeWritten() {
    List<String> refused = new ArrayList<>();

    VALID.forEach(
        (format, generator) -> {
          Constraint constraint = compiled(format);
          Random random = new Random(SEED);
          for (int i = 0; i < TEXTS && refused.size() < 20; i++) {
            String text = generator.apply(random);
            if (!constraint.isWhole(JsonRules.quote(text))) {
              refused.add(format + " " + text);
            }
          }
        });

    assertEquals(List.of(), refused);
    assertEquals(StringFormat.values().length, VALID.size());
  }

  @Example
  void whatIsNextToItCannot() {
    List<String> written = new ArrayList<>();

    INVALID.forEach(
        (format, texts) -> {
          Constraint constraint = compiled(format);
          for (String text : texts.split("\\|", -1)) {
            boolean isEmptyPath = text.isEmpty() && format == StringFormat.JSON_POINTER;
            if (!isEmptyPath && constraint.isWhole(JsonRules.quote(text))) {
              written.add(format + " " + text);
            }
          }
        });

    assertEquals(List.of(), written);
    assertEquals(StringFormat.values().length, INVALID.size());
  }

  private static Constraint compiled(StringFormat format) {
    String word = format.name().toLowerCase(Locale.ROOT).replace('_', '-');
    return new ConstraintCompiler(new TokenVocabulary(TestTokenizer.bytes(), 258))
        .compile(new ConstraintSource.JsonSchema("{\"format\":\"" + word + "\"}"));
  }

  // ---- texts -----------------------------------------------------------------------------------

  private static String any(Random random, String alphabet, int least, int most) {
    int[] characters = alphabet.codePoints().toArray();
    return IntStream.range(0, least + random.nextInt(most - least + 1))
        .mapToObj(i -> Character.toString(characters[random.nextInt(characters.length)]))
        .collect(Collectors.joining());
  }

  private static String several(Random random, int most, Function<Random, String> one) {
    return IntStream.range(0, random.nextInt(most + 1))
        .mapToObj(i -> one.apply(random))
        .collect(Collectors.joining());
  }

  private static String base64(Random random) {
    byte[] bytes = new byte[random.nextInt(20)];
    random.nextBytes(bytes);
    return Base64.getEncoder().encodeToString(bytes);
  }

  private static String date(Random random) {
    return LocalDate.of(0, 1, 1).plusDays(random.nextInt(3_652_425)).toString();
  }

  private static String time(Random random) {
    if (random.nextInt(4) == 0) {
      return leapSecond(random, LocalDate.EPOCH).substring("1970-01-01T".length());
    }
    return ordinaryTime(random);
  }

  private static String dateTime(Random random) {
    if (random.nextInt(4) > 0) {
      return date(random) + any(random, "Tt", 1, 1) + ordinaryTime(random);
    }
    LocalDate december = LocalDate.of(random.nextInt(1, 9999), 12, 31);
    return leapSecond(
        random, random.nextBoolean() ? december : december.withDayOfMonth(30).withMonth(6));
  }

  private static String ordinaryTime(Random random) {
    int minutes = random.nextInt(2 * 1440 - 1) - 1439;
    String offset = random.nextBoolean() ? any(random, "Zz", 1, 1) : offset(random, minutes);
    return clock(LocalTime.ofSecondOfDay(random.nextInt(86_400))) + fraction(random) + offset;
  }

  /** The last second of that day in UTC, as the clocks of some zone show it. */
  private static String leapSecond(Random random, LocalDate day) {
    int minutes = LEAP_OFFSETS.get(random.nextInt(LEAP_OFFSETS.size()));
    LocalDateTime before = day.atTime(23, 59, 59).plusMinutes(minutes);
    String offset = minutes == 0 && random.nextBoolean() ? "z" : offset(random, minutes);
    return before.toLocalDate()
        + any(random, "Tt", 1, 1)
        + clock(before.toLocalTime()).replaceFirst("59$", "60")
        + fraction(random)
        + offset;
  }

  private static String clock(LocalTime time) {
    return time.format(DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT));
  }

  private static String fraction(Random random) {
    return random.nextBoolean() ? "" : "." + any(random, DIGITS, 1, 9);
  }

  private static String offset(Random random, int minutes) {
    boolean isBehind = minutes < 0 || (minutes == 0 && random.nextBoolean());
    int distance = Math.abs(minutes);
    return String.format(
        Locale.ROOT, "%s%02d:%02d", isBehind ? "-" : "+", distance / 60, distance % 60);
  }

  private static String duration(Random random) {
    if (random.nextInt(6) == 0) {
      return "P" + random.nextInt(1000) + "W";
    }
    String days = units(random, "YMD");
    String hours = units(random, "HMS");
    return "P"
        + (random.nextInt(3) == 0 ? "T" + hours : random.nextBoolean() ? days : days + "T" + hours);
  }

  /** Units that follow each other, from any one to any later one. */
  private static String units(Random random, String units) {
    int from = random.nextInt(units.length());
    int to = from + 1 + random.nextInt(units.length() - from);
    return units.substring(from, to).replaceAll("(.)", random.nextInt(100) + "$1");
  }

  private static String uuid(Random random) {
    String text = new java.util.UUID(random.nextLong(), random.nextLong()).toString();
    return random.nextBoolean() ? text : text.toUpperCase(Locale.ROOT);
  }

  private static String host(Random random, int labels) {
    List<String> all = new ArrayList<>();
    for (int i = labels + random.nextInt(3); i > 0; i--) {
      String edge = LETTERS + DIGITS;
      String middle = any(random, edge + "-", 0, random.nextInt(9) == 0 ? 61 : 8);
      all.add(
          any(random, edge, 1, 1)
              + (random.nextInt(4) == 0 ? "" : middle + any(random, edge, 1, 1)));
    }
    return String.join(".", all);
  }

  private static String email(Random random) {
    String atoms = LETTERS + DIGITS + "!#$%&'*+-/=?^_`{|}~";
    String local =
        random.nextInt(3) == 0
            ? quoted(random)
            : any(random, atoms, 1, 20) + several(random, 2, r -> "." + any(r, atoms, 1, 20));
    String at =
        switch (random.nextInt(6)) {
          case 0 -> "[" + ipv4(random) + "]";
          case 1 -> "[" + (random.nextBoolean() ? "IPv6:" : "ipv6:") + mailIpv6(random) + "]";
          default -> host(random, 1);
        };
    return local + "@" + at;
  }

  private static String quoted(Random random) {
    String plain =
        IntStream.rangeClosed(' ', '~')
            .filter(c -> c != '"' && c != '\\')
            .mapToObj(Character::toString)
            .collect(Collectors.joining());
    return '"'
        + several(
            random,
            10,
            r ->
                any(r, plain, 0, 3)
                    + (r.nextInt(3) == 0 ? "\\" + any(r, plain + "\"\\", 1, 1) : ""))
        + '"';
  }

  /** Its two colons stand for more than one group. */
  private static String mailIpv6(Random random) {
    while (true) {
      String text = ipv6(random);
      int groups = text.split(":+").length + (text.contains(".") ? 1 : 0);
      groups -= text.startsWith(":") ? 1 : 0;
      if (!text.contains("::") || groups <= 6) {
        return text;
      }
    }
  }

  private static String ipv4(Random random) {
    return IntStream.range(0, 4)
        .mapToObj(i -> Integer.toString(random.nextInt(256)))
        .collect(Collectors.joining("."));
  }

  /** As Java prints it, and with its zeros in two colons wherever that may be. */
  private static String ipv6(Random random) {
    byte[] bytes = new byte[16];
    random.nextBytes(bytes);
    int from = 2 * random.nextInt(8);
    int to = Math.min(16, from + 2 * (1 + random.nextInt(8)));
    java.util.Arrays.fill(bytes, from, to, (byte) 0);
    String[] groups = printed(bytes).split(":", -1);
    if (random.nextBoolean() && to < 14) {
      groups[6] = ipv4(random);
      groups = java.util.Arrays.copyOf(groups, 7);
    }
    String before = String.join(":", java.util.Arrays.copyOfRange(groups, 0, from / 2));
    String behind = String.join(":", java.util.Arrays.copyOfRange(groups, to / 2, groups.length));
    String text = random.nextInt(3) == 0 ? String.join(":", groups) : before + "::" + behind;
    return random.nextBoolean() ? text : text.toUpperCase(Locale.ROOT);
  }

  private static String printed(byte[] bytes) {
    try {
      return InetAddress.getByAddress("", bytes).getHostAddress();
    } catch (UnknownHostException impossible) {
      throw new IllegalStateException(impossible);
    }
  }

  private static String characters(Random random, String more, int least) {
    return any(random, UNRESERVED + DELIMITERS + more, least, 9)
        + several(random, 1, r -> "%" + any(r, HEX, 2, 2));
  }

  private static String authority(Random random, String beyond) {
    String user = random.nextInt(3) == 0 ? characters(random, ":" + beyond, 0) + "@" : "";
    String host =
        switch (random.nextInt(5)) {
          case 0 -> "[" + ipv6(random) + "]";
          case 1 -> ipv4(random);
          case 2 -> "[v" + any(random, HEX, 1, 2) + "." + any(random, UNRESERVED + ":", 1, 5) + "]";
          case 3 -> host(random, 1);
          default -> characters(random, beyond, 0);
        };
    String port = random.nextInt(3) == 0 ? ":" + any(random, DIGITS, 0, 5) : "";
    return "//" + user + host + port;
  }

  private static String segments(Random random, String beyond) {
    return several(random, 3, r -> "/" + characters(r, ":@" + beyond, 0));
  }

  private static String tail(Random random, String beyond) {
    String more = ":@/?" + beyond;
    String inQuery = beyond.isEmpty() ? more : more + "\ue000\udbff\udffd";
    return (random.nextInt(3) == 0 ? "?" + characters(random, inQuery, 0) : "")
        + (random.nextInt(3) == 0 ? "#" + characters(random, more, 0) : "");
  }

  private static String path(Random random, String first, String beyond) {
    return switch (random.nextInt(3)) {
      case 0 -> authority(random, beyond) + segments(random, beyond);
      case 1 ->
          random.nextBoolean()
              ? "/"
              : "/" + characters(random, ":@" + beyond, 1) + segments(random, beyond);
      default -> characters(random, first + beyond, 1) + segments(random, beyond);
    };
  }

  private static String uri(Random random, String beyond) {
    return any(random, LETTERS, 1, 1)
        + any(random, LETTERS + DIGITS + "+-.", 0, 6)
        + ":"
        + (random.nextInt(9) == 0 ? "" : path(random, ":@", beyond))
        + tail(random, beyond);
  }

  private static String reference(Random random, String beyond) {
    return switch (random.nextInt(3)) {
      case 0 -> uri(random, beyond);
      case 1 -> tail(random, beyond);
      default -> path(random, "@", beyond) + tail(random, beyond);
    };
  }

  private static String pointer(Random random) {
    return several(
        random,
        3,
        r ->
            "/"
                + any(r, LETTERS + "é\"\\ \t0", 0, 5)
                + (r.nextInt(4) == 0 ? "~" + r.nextInt(2) : ""));
  }
}
