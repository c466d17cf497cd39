package dev.switchboard.console.live;

import dev.switchboard.console.api.AdminClient;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a Prometheus has of more than the last hour. A question is asked again every half minute at
 * most, however many sessions ask it; an answer has {@value #POINTS} points of {@value #SERIES_MAX}
 * series at most.
 */
public final class History implements AutoCloseable {
  /** How many points an answer has. */
  public static final int POINTS = 360;

  static final int SERIES_MAX = 32;
  private static final int QUESTIONS_MAX = 200;
  private static final long BYTES_MAX = 8L << 20;
  private static final Duration CONNECT = Duration.ofSeconds(2);
  private static final Duration ANSWER = Duration.ofSeconds(10);
  private static final Duration AGAIN = Duration.ofSeconds(30);
  private static final JsonMapper JSON = new JsonMapper();

  /** How far back. */
  public enum Span {
    HOUR("1h", "Last hour", 1),
    SIX_HOURS("6h", "6 hours", 6),
    DAY("24h", "24 hours", 24),
    WEEK("7d", "7 days", 7 * 24),
    MONTH("30d", "30 days", 30 * 24);

    private final String word;
    private final String title;
    private final int hours;

    Span(String word, String title, int hours) {
      this.word = word;
      this.title = title;
      this.hours = hours;
    }

    /** As it stands in an address. */
    public String word() {
      return word;
    }

    public String title() {
      return title;
    }

    /** The span of a word; the hour where it is none. */
    public static Span of(String word) {
      return Arrays.stream(values()).filter(s -> s.word.equals(word)).findFirst().orElse(HOUR);
    }

    /** Between two points. */
    public int stepSeconds() {
      return hours * 3600 / POINTS;
    }

    /** Over which rates are taken, as PromQL writes it. */
    public String rate() {
      return Math.max(300, 2 * stepSeconds()) + "s";
    }
  }

  /** One line: its labels, and points of which those that are not there are NaN. */
  public record Line(Map<String, String> labels, float[] points) {}

  /**
   * What it said last.
   *
   * @param endSeconds when the last point is of, in seconds since 1970; -1 before the first answer
   * @param failure why there is nothing; null where there is, or is nothing yet
   */
  public record Lines(long endSeconds, List<Line> lines, @Nullable String failure) {
    static final Lines NOTHING_YET = new Lines(-1, List.of(), null);

    /** Copies the list. */
    public Lines {
      lines = List.copyOf(lines);
    }

    /** The points of its first line, or as many that are not there. */
    public float[] first() {
      if (!lines.isEmpty()) {
        return lines.getFirst().points();
      }
      float[] none = new float[POINTS];
      Arrays.fill(none, Float.NaN);
      return none;
    }
  }

  private record Question(String query, Span span) {}

  private record Known(Instant asked, Lines lines) {}

  private final URI prometheus;
  private final Clock clock;
  private final Runnable changed;
  private final Map<Question, Known> known = new ConcurrentHashMap<>();
  private final HttpClient http =
      HttpClient.newBuilder()
          .connectTimeout(CONNECT)
          .followRedirects(HttpClient.Redirect.NEVER)
          .build();

  /**
   * Of one Prometheus.
   *
   * @param changed is run whenever an answer has come
   */
  public History(URI prometheus, Clock clock, Runnable changed) {
    String text = prometheus.toString();
    this.prometheus = URI.create(text.endsWith("/") ? text.substring(0, text.length() - 1) : text);
    this.clock = clock;
    this.changed = changed;
  }

  /** Answers at once with what was said last, and asks again beside where that is old. */
  public Lines ask(String query, Span span) {
    Instant now = clock.instant();
    Question question = new Question(query, span);
    Known is =
        known.compute(
            question,
            (_, before) ->
                before != null && Duration.between(before.asked(), now).compareTo(AGAIN) < 0
                    ? before
                    : new Known(now, before == null ? Lines.NOTHING_YET : before.lines()));
    if (is.asked().equals(now)) {
      if (known.size() > QUESTIONS_MAX) {
        known.values().removeIf(k -> k.asked().isBefore(now.minus(AGAIN)));
      }
      Thread.ofVirtual().name("history").start(() -> read(question, now));
    }
    return is.lines();
  }

  private void read(Question question, Instant asked) {
    int step = question.span().stepSeconds();
    long end = asked.getEpochSecond() / step * step;
    Lines lines;
    try {
      lines = new Lines(end, parse(send(question, end, step), end, step), null);
    } catch (IOException | JacksonException e) {
      lines = new Lines(end, List.of(), reason(e));
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return;
    }
    known.put(question, new Known(asked, lines));
    changed.run();
  }

  private static String reason(Exception e) {
    String message = e instanceof JacksonException ? "its answer is not JSON" : e.getMessage();
    return message == null ? e.getClass().getSimpleName() : message;
  }

  private byte[] send(Question question, long end, int step)
      throws IOException, InterruptedException {
    Map<String, String> query = new java.util.LinkedHashMap<>();
    query.put("query", question.query());
    query.put("start", "" + (end - (long) (POINTS - 1) * step));
    query.put("end", "" + end);
    query.put("step", "" + step);
    URI uri = URI.create(prometheus + "/api/v1/query_range" + AdminClient.query(query));
    HttpRequest request = HttpRequest.newBuilder(uri).timeout(ANSWER).GET().build();
    HttpResponse<byte[]> answer =
        http.send(request, BodyHandlers.limiting(BodyHandlers.ofByteArray(), BYTES_MAX));
    if (answer.statusCode() != 200) {
      throw new IOException("status " + answer.statusCode() + error(answer.body()));
    }
    return answer.body();
  }

  private static String error(byte[] body) {
    try {
      String error = JSON.readTree(body).path("error").asString("");
      return error.isEmpty() ? "" : ": " + error;
    } catch (JacksonException _) {
      return "";
    }
  }

  private static List<Line> parse(byte[] body, long end, int step) {
    List<Line> lines = new ArrayList<>();
    for (JsonNode series : JSON.readTree(body).path("data").path("result")) {
      if (lines.size() == SERIES_MAX) {
        break;
      }
      Map<String, String> labels = new HashMap<>();
      series
          .path("metric")
          .properties()
          .forEach(l -> labels.put(l.getKey(), l.getValue().asString("")));
      lines.add(new Line(Map.copyOf(labels), points(series.path("values"), end, step)));
    }
    return lines;
  }

  private static float[] points(JsonNode values, long end, int step) {
    float[] points = new float[POINTS];
    Arrays.fill(points, Float.NaN);
    for (JsonNode value : values) {
      long back = Math.round((end - value.path(0).asDouble(0)) / step);
      if (back >= 0 && back < POINTS) {
        points[POINTS - 1 - (int) back] = number(value.path(1).asString(""));
      }
    }
    return points;
  }

  private static float number(String text) {
    try {
      float value = Float.parseFloat(text.replace("Inf", "Infinity"));
      return Float.isInfinite(value) ? Float.NaN : value;
    } catch (NumberFormatException _) {
      return Float.NaN;
    }
  }

  /** A text as a label's value in PromQL. */
  public static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }

  @Override
  public void close() {
    http.shutdownNow();
  }
}
