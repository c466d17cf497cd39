package dev.switchboard.gateway.stream;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonStreamContext;
import com.fasterxml.jackson.core.JsonToken;
import dev.switchboard.gateway.flight.EngineStamps;
import dev.switchboard.gateway.flight.Flight;
import dev.switchboard.timeline.RequestTimeline;
import dev.switchboard.timeline.TimelineJson;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Our own object in an answer, read token by token: every answer of a worker has one.
 *
 * @param object whether it is one; another value says nothing
 * @param empty whether it has no members
 * @param times whether it has a {@code time_ms}
 * @param timelines of the answer's choices; none where one of them cannot be read
 * @param fault why one of them cannot be read; null where all could be
 */
public record SwitchboardObject(
    boolean object,
    boolean empty,
    boolean times,
    List<RequestTimeline> timelines,
    EngineStamps stamps,
    @Nullable String fault) {
  private static final Logger LOG = LoggerFactory.getLogger(SwitchboardObject.class);

  static final String NAME = "switchboard";
  static final String TIMES = "time_ms";

  private static final SwitchboardObject NONE =
      new SwitchboardObject(false, true, false, List.of(), EngineStamps.NONE, null);

  public SwitchboardObject {
    timelines = List.copyOf(timelines);
  }

  /** Reads the value that a parser is at, up to its end. */
  static SwitchboardObject read(JsonParser json) throws IOException {
    if (json.currentToken() != JsonToken.START_OBJECT) {
      json.skipChildren();
      return NONE;
    }
    return new Members(json.getParsingContext().getParent()).read(json);
  }

  /** Gives the timelines to the flight; one that cannot be read costs its detail only. */
  void tell(Flight flight) {
    if (fault != null) {
      LOG.warn(
          "timeline_unreadable request={} trace={} reason=\"{}\"",
          flight.id(),
          flight.traceId(),
          fault);
    } else if (!timelines.isEmpty()) {
      flight.timelines(timelines, stamps);
    }
  }

  private static final class Members {
    /** What the object stands in. */
    private final JsonStreamContext outside;

    private List<RequestTimeline> timelines = List.of();
    private @Nullable String fault;
    private boolean empty = true;
    private boolean times;
    private long received;
    private long sent;

    Members(JsonStreamContext outside) {
      this.outside = outside;
    }

    SwitchboardObject read(JsonParser json) throws IOException {
      for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
        empty = false;
        json.nextToken();
        switch (name) {
          case TIMES -> {
            times = true;
            json.skipChildren();
          }
          case "timelines" -> timelines(json);
          case "received_ns" -> received = number(json);
          case "sent_ns" -> sent = number(json);
          default -> json.skipChildren();
        }
      }
      return new SwitchboardObject(
          true, empty, times, timelines, new EngineStamps(received, sent), fault);
    }

    private static long number(JsonParser json) throws IOException {
      long value = json.currentToken().isScalarValue() ? json.getValueAsLong() : 0;
      json.skipChildren();
      return value;
    }

    private void timelines(JsonParser json) throws IOException {
      timelines = List.of();
      fault = null;
      if (json.currentToken() != JsonToken.START_ARRAY) {
        json.skipChildren();
        return;
      }
      try {
        timelines = list(json);
      } catch (IllegalArgumentException wrong) {
        fault = wrong.getMessage();
        leave(json);
      }
    }

    /** Nearly always one. */
    private static List<RequestTimeline> list(JsonParser json) throws IOException {
      List<RequestTimeline> read = List.of();
      while (json.nextToken() != JsonToken.END_ARRAY) {
        RequestTimeline next = TimelineJson.read(json);
        if (read.isEmpty()) {
          read = List.of(next);
        } else {
          read = read.size() == 1 ? new ArrayList<>(read) : read;
          read.add(next);
        }
      }
      return read;
    }

    /** Passes over the rest of the list. */
    @SuppressWarnings("ReferenceEquality") // A context has no other identity.
    private void leave(JsonParser json) throws IOException {
      while (json.currentToken() != JsonToken.END_ARRAY
          || json.getParsingContext().getParent() != outside) {
        if (json.nextToken() == null) {
          throw new IOException("the answer ends within " + NAME);
        }
      }
    }
  }
}
