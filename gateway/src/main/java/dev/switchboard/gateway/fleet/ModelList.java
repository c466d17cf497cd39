package dev.switchboard.gateway.fleet;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What an answer to {@code GET /v1/models} says against a server. It must be a 200 with a JSON
 * object, or a list, that names the model. A server that serves already may also answer 429: it
 * counts requests. Where the list is not checked ({@code check-models: false}), a 404 or 405 that
 * is no page will do, since some servers of embeddings have no such list.
 *
 * @param why what is wrong with it
 * @param permanent the server answers, and requests there would fail as well
 */
record ModelList(String why, boolean permanent) {
  /** What is asked of the list. */
  enum Check {
    /** Nothing but that a server of models answers. */
    NONE,
    /** It serves already, and the model must be there still. */
    STILL,
    /** It is not proven yet. */
    FIRST
  }

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ASKED = "GET /v1/models ";
  private static final Set<String> NAMES = Set.of("id", "name", "model");
  private static final int MOST_SHOWN = 3;
  private static final int MOST_SHOWN_CHARACTERS = 64;

  /**
   * The complaint about an answer.
   *
   * @param model as the server must call it
   * @param type its {@code Content-Type}; null for none
   * @param location its {@code Location}; null for none
   * @return null when it is good
   */
  static @Nullable ModelList complaint(
      Check check,
      String model,
      int status,
      @Nullable String type,
      @Nullable String location,
      byte[] body) {
    return switch (status) {
      case 200 -> listed(check, model, type, body);
      case 401, 403 -> permanent("it refused the gateway's key (status " + status + ")");
      case 404, 405 -> absent(check, status, type, body);
      case 429 -> check == Check.FIRST ? new ModelList(ASKED + "answered status 429", false) : null;
      default ->
          new ModelList(
              ASKED + "answered status " + status + redirect(status, location),
              status >= 300 && status < 400);
    };
  }

  private static ModelList permanent(String why) {
    return new ModelList(why, true);
  }

  private static @Nullable ModelList listed(
      Check check, String model, @Nullable String type, byte[] body) {
    Set<String> names = names(body);
    if (names == null) {
      return permanent(ASKED + "answered no JSON object" + told(type));
    }
    return check == Check.NONE || names.contains(model)
        ? null
        : permanent(
            ASKED
                + "does not list "
                + model
                + " ("
                + shown(names, model)
                + "): set models or model-names, or check-models: false");
  }

  private static @Nullable ModelList absent(
      Check check, int status, @Nullable String type, byte[] body) {
    if (check == Check.NONE && (body.length == 0 || names(body) != null)) {
      return null;
    }
    String what = body.length == 0 || names(body) != null ? "" : " and no JSON" + told(type);
    return permanent(
        ASKED
            + "answered status "
            + status
            + what
            + ": is url the base of an OpenAI API? check-models: false serves without the list");
  }

  private static String redirect(int status, @Nullable String location) {
    return status >= 300 && status < 400 && location != null && visible(location, 200)
        ? ", a redirect to " + location.replaceFirst("\\?.*", "")
        : "";
  }

  private static String told(@Nullable String type) {
    return type != null && visible(type, 60) ? " but " + type : "";
  }

  private static boolean visible(String text, int most) {
    return text.length() <= most && text.matches("[\\x21-\\x7e ]+");
  }

  /** Some of the names, those first that are most like the one that is missed. */
  private static String shown(Set<String> names, String model) {
    List<String> like = new ArrayList<>();
    names.stream().filter(name -> name.contains(model) || model.contains(name)).forEach(like::add);
    names.stream().filter(name -> !like.contains(name)).forEach(like::add);
    List<String> some =
        like.stream()
            .filter(name -> visible(name, MOST_SHOWN_CHARACTERS))
            .limit(MOST_SHOWN)
            .toList();
    String all = some.isEmpty() ? "nothing" : String.join(", ", some);
    return "it lists " + all + (names.size() > some.size() ? ", …" : "");
  }

  /** Names of models in an object or a list, and nothing behind it; null for anything else. */
  private static @Nullable Set<String> names(byte[] body) {
    try (JsonParser parser = JSON.createParser(body)) {
      JsonToken first = parser.nextToken();
      if (first == null || !first.isStructStart()) {
        return null;
      }
      Set<String> names = new TreeSet<>();
      if (first == JsonToken.START_ARRAY) {
        list(parser, names);
      } else {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String field = parser.currentName();
          boolean list = parser.nextToken() == JsonToken.START_ARRAY;
          if (list && ("data".equals(field) || "models".equals(field))) {
            list(parser, names);
          } else {
            parser.skipChildren();
          }
        }
      }
      JsonToken last = parser.currentToken();
      return last != null && last.isStructEnd() && parser.nextToken() == null ? names : null;
    } catch (IOException e) {
      return null;
    }
  }

  private static void list(JsonParser parser, Set<String> names) throws IOException {
    JsonToken next = parser.nextToken();
    for (; next != null && next != JsonToken.END_ARRAY; next = parser.nextToken()) {
      if (next == JsonToken.START_OBJECT) {
        model(parser, names);
      } else {
        parser.skipChildren();
      }
    }
  }

  private static void model(JsonParser parser, Set<String> names) throws IOException {
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String field = parser.currentName();
      JsonToken value = parser.nextToken();
      if (value == JsonToken.VALUE_STRING && NAMES.contains(field)) {
        names.add(parser.getText());
      } else if (value == JsonToken.START_ARRAY && "aliases".equals(field)) {
        aliases(parser, names);
      } else {
        parser.skipChildren();
      }
    }
  }

  private static void aliases(JsonParser parser, Set<String> names) throws IOException {
    JsonToken next = parser.nextToken();
    for (; next != null && next != JsonToken.END_ARRAY; next = parser.nextToken()) {
      if (next == JsonToken.VALUE_STRING) {
        names.add(parser.getText());
      } else {
        parser.skipChildren();
      }
    }
  }
}
