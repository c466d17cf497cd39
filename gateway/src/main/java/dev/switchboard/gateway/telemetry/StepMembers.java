package dev.switchboard.gateway.telemetry;

import io.opentelemetry.api.trace.SpanContext;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * The attempts that went out last, by their numbers: under which span each is exported, if it is. A
 * slot of a ring is all that one costs, so the attempt that came {@link #REMEMBERED} before another
 * is forgotten, be it over or not. Safe on any thread.
 */
final class StepMembers {
  static final int REMEMBERED = 1 << 14;

  private final AtomicReferenceArray<Member> recent = new AtomicReferenceArray<>(REMEMBERED);

  /** One attempt. */
  static final class Member {
    private final long number;
    private final String requestId;
    private volatile SpanContext span;
    private volatile boolean over;

    private Member(long number, String requestId, SpanContext span) {
      this.number = number;
      this.requestId = requestId;
      this.span = span;
    }

    String requestId() {
      return requestId;
    }

    /** Its span; invalid as long as it is not certain that one is exported. */
    SpanContext span() {
      return span;
    }

    /** It is over, and this is its span. */
    void told(SpanContext as) {
      span = as;
      over = true;
    }

    /** It is over; nothing more will be told of it. */
    void over() {
      over = true;
    }

    boolean isOver() {
      return over;
    }
  }

  /**
   * One goes out.
   *
   * @param span invalid where none may ever be exported
   */
  Member sent(long number, String requestId, SpanContext span) {
    Member member = new Member(number, requestId, span);
    recent.setRelease(slot(number), member);
    return member;
  }

  /** Those of these that are remembered. */
  List<Member> find(List<Long> numbers) {
    List<Member> found = new ArrayList<>(numbers.size());
    for (long number : numbers) {
      Member member = recent.getAcquire(slot(number));
      if (member != null && member.number == number) {
        found.add(member);
      }
    }
    return found;
  }

  private static int slot(long number) {
    return (int) (number & (REMEMBERED - 1));
  }
}
