package dev.switchboard.gateway.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.vertx.core.buffer.Buffer;
import java.util.Arrays;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BodySpansTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"model\":\"a\",\"messages\":[{\"content\":\"x\"}]}",
        " { \"messages\" : [ { \"model\" : \"b\", \"content\" : \"]}\\\"\\\\\" } ] ,\n"
            + "\"model\" : \"a\" } ",
        "{\"n\":1,\"stop\":null,\"x\":{\"model\":\"c\"},\"model\":\"a\",\"prompt\":\"p\",\"t\":-1e5}",
        "{\"mod\\u0065l\":\"a\",\"prompt\":\"é€😀\"}",
        "{\"model\":\"\\u0061\",\"tools\":[],\"messages\":[]}"
      })
  void onlyTheNameOfTheModelIsReplaced(String text) throws Exception {
    Buffer body = Buffer.buffer(text);

    Buffer renamed = BodySpans.of(body.getBytes()).renamed(body, "say \"b\"");

    ObjectNode expected = (ObjectNode) JSON.readTree(text);
    expected.put("model", "say \"b\"");
    assertEquals(expected, JSON.readTree(renamed.getBytes()));
    String all = renamed.toString();
    String name = "\"say \\\"b\\\"\"";
    int at = all.indexOf(name);
    assertTrue(text.startsWith(all.substring(0, at)), all);
    assertTrue(text.endsWith(all.substring(at + name.length())), all);
  }

  @Test
  void anyObjectIsCutWhereItsValuesStand() throws Exception {
    Random random = new Random(3);
    for (int i = 0; i < 2000; i++) {
      ObjectNode root = JSON.createObjectNode();
      root.set("a" + random.nextInt(9), value(random, 0));
      root.set("messages", value(random, 0));
      root.put("model", text(random));
      root.set("tools", value(random, 0));
      byte[] body =
          (random.nextBoolean() ? JSON.writeValueAsString(root) : root.toPrettyString())
              .getBytes(UTF_8);

      BodySpans spans = BodySpans.of(body);

      assertEquals(root.get("model"), JSON.readTree(cut(body, spans.modelFrom(), spans.modelTo())));
      assertEquals(
          root.get("messages"), JSON.readTree(cut(body, spans.promptFrom(), spans.promptTo())));
      assertEquals(root.get("tools"), JSON.readTree(cut(body, spans.toolsFrom(), spans.toolsTo())));
    }
  }

  private static byte[] cut(byte[] body, int from, int to) {
    return Arrays.copyOfRange(body, from, to);
  }

  private static JsonNode value(Random random, int depth) {
    return switch (random.nextInt(depth > 3 ? 4 : 6)) {
      case 0 -> JSON.getNodeFactory().textNode(text(random));
      case 1 -> JSON.getNodeFactory().numberNode(random.nextInt());
      case 2 -> JSON.getNodeFactory().booleanNode(random.nextBoolean());
      case 3 -> JSON.getNodeFactory().nullNode();
      case 4 -> {
        ArrayNode array = JSON.createArrayNode();
        for (int i = random.nextInt(4); i > 0; i--) {
          array.add(value(random, depth + 1));
        }
        yield array;
      }
      default -> {
        ObjectNode object = JSON.createObjectNode();
        for (int i = random.nextInt(4); i > 0; i--) {
          object.set(text(random), value(random, depth + 1));
        }
        yield object;
      }
    };
  }

  private static String text(Random random) {
    StringBuilder text = new StringBuilder();
    for (int i = random.nextInt(6); i > 0; i--) {
      text.append("\"\\{}[],: \nmodelé€".charAt(random.nextInt(17)));
    }
    return text.toString();
  }

  @Test
  void aBodyWithoutABoundGetsOne() {
    assertEquals(
        "{\"max_tokens\":7,\"model\":\"m\",\"n\":2}", limited("{\"model\":\"m\",\"n\":2}"));
    assertEquals(
        " {\"model\":\"m\", \"max_tokens\" : 7}",
        limited(" {\"model\":\"m\", \"max_tokens\" : null }"));
    assertEquals(
        "{\"max_tokens\":7,\"a\":{\"max_tokens\":1}}", limited("{\"a\":{\"max_tokens\":1}}"));
  }

  @Test
  void theBoundHasTheNameThatTheServerKnows() {
    byte[] body = "{\"max_completion_tokens\":null,\"model\":\"m\"}".getBytes(UTF_8);

    byte[] limited = BodySpans.limited(body, "max_completion_tokens", 7);

    assertEquals("{\"max_completion_tokens\":7,\"model\":\"m\"}", new String(limited, UTF_8));
  }

  private static String limited(String body) {
    return new String(BodySpans.limited(body.getBytes(UTF_8), "max_tokens", 7), UTF_8);
  }

  @Test
  void promptsThatBeginAlikeHaveChainsThatBeginAlike() {
    String shared = "x".repeat(1000);
    long[] first = chain(shared + "a".repeat(600), "", null);
    long[] second = chain(shared + "b".repeat(900), "", null);

    assertArrayEquals(Arrays.copyOf(first, 3), Arrays.copyOf(second, 3));
    assertNotEquals(first[4], second[4]);
    assertEquals(6, first.length);
  }

  @Test
  void callersAndToolsPartChains() {
    String text = "x".repeat(600);
    long plain = chain(text, "", null)[0];

    assertNotEquals(plain, chain(text, "", "salt")[0]);
    assertNotEquals(plain, chain(text, ",\"tools\":[1]", null)[0]);
    assertEquals(0, chain("short", "", null).length);
  }

  private static long[] chain(String content, String more, @Nullable String salt) {
    byte[] body =
        ("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\""
                + content
                + "\"}]"
                + more
                + "}")
            .getBytes(UTF_8);
    return PromptBlocks.of(body, BodySpans.of(body), salt);
  }
}
