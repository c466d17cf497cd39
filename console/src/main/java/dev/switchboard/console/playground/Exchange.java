package dev.switchboard.console.playground;

import dev.switchboard.console.live.EventStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * One request at the public API and its streamed answer, read on a virtual thread of its own. What
 * is kept of the answer is bounded; cancelling ends the connection, so that the gateway ends the
 * request.
 */
public final class Exchange {
  static final int TEXT_MAX = 262_144;
  static final int PIECES_MAX = 16_384;
  static final int CALLS_MAX = 32;
  private static final Duration HEAD = Duration.ofMinutes(2);
  private static final int ERROR_BYTES = 65_536;
  private static final JsonMapper JSON = new JsonMapper();

  private final Clock clock;
  private final Instant began;
  private final StringBuilder text = new StringBuilder();
  private final StringBuilder tools = new StringBuilder();
  private final List<Double> at = new ArrayList<>();
  private final List<Answer.Call> calls = new ArrayList<>();
  private Answer.State state = Answer.State.WAITING;
  private double endedMs = -1;
  private int status;
  private String requestId = "";
  private String replica = "";
  private String model = "";
  private String finish = "";
  private int promptTokens;
  private int completionTokens;
  private @Nullable String failure;
  private @Nullable CompletableFuture<HttpResponse<InputStream>> sent;
  private @Nullable InputStream body;

  private Exchange(Clock clock) {
    this.clock = clock;
    this.began = clock.instant();
  }

  /**
   * Sends it.
   *
   * @param http what calls the gateway
   * @param api such as http://127.0.0.1:8080
   * @param key empty for none
   */
  public static Exchange start(HttpClient http, String api, String key, Ask ask, Clock clock) {
    Exchange exchange = new Exchange(clock);
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(api + ask.path()));
    request.setHeader("Content-Type", "application/json");
    request.setHeader("Accept", "text/event-stream");
    ask.headers().forEach(request::setHeader);
    if (!key.isBlank()) {
      request.setHeader("Authorization", "Bearer " + key.strip());
    }
    request.POST(HttpRequest.BodyPublishers.ofByteArray(JSON.writeValueAsBytes(ask.body())));
    HttpRequest built = request.build();
    Thread.ofVirtual().name("playground").start(() -> exchange.run(http, built));
    return exchange;
  }

  private void run(HttpClient http, HttpRequest request) {
    CompletableFuture<HttpResponse<InputStream>> answer =
        http.sendAsync(request, HttpResponse.BodyHandlers.ofInputStream());
    if (!keep(answer)) {
      answer.cancel(true);
      return;
    }
    try {
      HttpResponse<InputStream> head = answer.get(HEAD.toSeconds(), TimeUnit.SECONDS);
      try (InputStream in = head.body()) {
        if (!begin(head, in)) {
          return;
        }
        if (head.statusCode() == 200) {
          EventStream.read(in, message -> take(message.data()));
          end(Answer.State.DONE, null);
        } else {
          end(Answer.State.FAILED, refusal(head.statusCode(), in.readNBytes(ERROR_BYTES)));
        }
      }
    } catch (TimeoutException _) {
      answer.cancel(true);
      end(Answer.State.FAILED, "No answer within " + HEAD.toSeconds() + " s");
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      end(Answer.State.FAILED, "Interrupted");
    } catch (ExecutionException | java.util.concurrent.CancellationException e) {
      end(Answer.State.FAILED, "The public API cannot be reached: " + reason(e));
    } catch (IOException e) {
      end(Answer.State.FAILED, "The stream broke: " + reason(e));
    }
  }

  private static String reason(Exception e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    return cause.getMessage() == null ? cause.getClass().getSimpleName() : cause.getMessage();
  }

  private synchronized boolean keep(CompletableFuture<HttpResponse<InputStream>> answer) {
    sent = answer;
    return state == Answer.State.WAITING;
  }

  private synchronized boolean begin(HttpResponse<InputStream> head, InputStream in) {
    body = in;
    status = head.statusCode();
    requestId = head.headers().firstValue("X-Request-Id").orElse("");
    replica = head.headers().firstValue("X-Switchboard-Replica").orElse("");
    model = head.headers().firstValue("X-Switchboard-Model").orElse("");
    return state == Answer.State.WAITING;
  }

  private static String refusal(int status, byte[] body) {
    try {
      JsonNode error = JSON.readTree(body).path("error");
      String code = error.path("code").asString("");
      return "Refused with "
          + status
          + ": "
          + error.path("message").asString("no reason is given")
          + (code.isEmpty() ? "" : " (" + code + ")");
    } catch (JacksonException _) {
      return "Refused with " + status;
    }
  }

  /** Takes one event of the stream. */
  synchronized void take(String data) {
    if (state != Answer.State.WAITING && state != Answer.State.STREAMING) {
      return;
    }
    if (data.isEmpty() || data.equals("[DONE]")) {
      return;
    }
    JsonNode event;
    try {
      event = JSON.readTree(data);
    } catch (JacksonException _) {
      end(Answer.State.FAILED, "An event of the stream is not JSON");
      return;
    }
    if (event.has("error")) {
      end(Answer.State.FAILED, event.path("error").path("message").asString("The stream broke"));
      return;
    }
    JsonNode usage = event.path("usage");
    promptTokens = usage.path("prompt_tokens").asInt(promptTokens);
    completionTokens = usage.path("completion_tokens").asInt(completionTokens);
    JsonNode choice = event.path("choices").path(0);
    finish = choice.path("finish_reason").asString(finish);
    piece(choice);
  }

  private void piece(JsonNode choice) {
    JsonNode delta = choice.path("delta");
    String said = choice.path("text").asString(delta.path("content").asString(""));
    StringBuilder called = new StringBuilder();
    for (JsonNode call : delta.path("tool_calls")) {
      String name = call.path("function").path("name").asString("");
      called.append(name.isEmpty() ? "" : (tools.isEmpty() ? "" : "\n") + name + " ");
      called.append(call.path("function").path("arguments").asString(""));
      take(call);
    }
    if (said.isEmpty() && called.isEmpty()) {
      return;
    }
    state = Answer.State.STREAMING;
    if (at.size() < PIECES_MAX) {
      at.add(now());
    }
    append(text, said);
    append(tools, called);
  }

  /** Pieces of one call have the same index; its id and name come with the first of them. */
  private void take(JsonNode call) {
    int index = call.path("index").asInt(calls.size());
    if (index < 0 || index > calls.size() || index >= CALLS_MAX) {
      return;
    }
    if (index == calls.size()) {
      calls.add(new Answer.Call("", "", ""));
    }
    Answer.Call known = calls.get(index);
    JsonNode function = call.path("function");
    String id = call.path("id").asString(known.id());
    String name = function.path("name").asString(known.name());
    String arguments = known.arguments() + function.path("arguments").asString("");
    if (arguments.length() <= TEXT_MAX) {
      calls.set(index, new Answer.Call(id, name, arguments));
    }
  }

  private void append(StringBuilder to, CharSequence more) {
    if (to.length() + more.length() > TEXT_MAX) {
      end(Answer.State.FAILED, "The answer has more than " + TEXT_MAX + " characters");
      return;
    }
    to.append(more);
  }

  private double now() {
    return Duration.between(began, clock.instant()).toNanos() / 1e6;
  }

  private synchronized void end(Answer.State how, @Nullable String why) {
    if (endedMs < 0) {
      state = how;
      failure = why;
      endedMs = now();
      release();
    }
  }

  /** Ends it, wherever it is. */
  public void cancel() {
    end(Answer.State.STOPPED, null);
  }

  private void release() {
    if (sent != null) {
      sent.cancel(true);
    }
    if (body != null) {
      InputStream open = body;
      Thread.ofVirtual()
          .start(
              () -> {
                try {
                  open.close();
                } catch (IOException _) {
                  // It is given up anyway.
                }
              });
    }
  }

  /** As far as it has come. */
  public synchronized Answer answer() {
    return new Answer(
        state,
        text.toString(),
        tools.toString(),
        at,
        endedMs < 0 ? now() : endedMs,
        status,
        requestId,
        replica,
        model,
        finish,
        promptTokens,
        completionTokens,
        failure,
        calls);
  }
}
