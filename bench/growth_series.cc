#include "growth_series.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace growth_bench {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kGiB = 1 << 30;
constexpr double kSmallSegment = 2 * kMiB;
constexpr double kLargeSegment = 20 * kMiB;

// Memory as a function of the number of the sample.
using Part = std::function<double(int)>;

double Segments(double bytes, double segment) { return std::ceil(bytes / segment) * segment; }

// A run without a leak is a sum of parts; `above` is how far they reach together.
struct Run {
  std::vector<Part> parts;
  double above = 0;

  void Add(double height, Part part) {
    above += height;
    parts.push_back(std::move(part));
  }
  double At(int i) const {
    double used = 0;
    for (const Part& part : parts) used += part(i);
    return used;
  }
};

Part Tooth(Dice* dice, double height, int low, int high) {
  const int period = dice->Whole(low, high);
  if (dice->Chance(0.5)) {
    return [=](int i) { return Segments(height * (i % period) / period, kSmallSegment); };
  }
  // Every tooth has its own height and length.
  return [=, begin = 0, length = period, top = height](int i) mutable {
    if (i >= begin + length) {
      begin = i;
      length = dice->Whole(std::max(2, period / 2), period + period / 2);
      top = height * dice->Between(0.5, 1);
    }
    return Segments(top * (i - begin) / length, kSmallSegment);
  };
}

Part Evaluation(Dice* dice, double height, bool stays) {
  const int every = dice->Whole(80, 600);
  const int length = dice->Whole(3, 30);
  const double spread = dice->Chance(0.5) ? 0.1 : 0;
  return [=, now = 0.0, kept = 0.0](int i) mutable {
    if (i < every) return 0.0;
    if (i % every == 0) now = height * (1 - spread * dice->Between(0, 1));
    const bool inside = i % every < length;
    if (inside && stays) kept = std::max(kept, now);
    return inside ? std::max(now, kept) : kept;
  };
}

Part Visits(Dice* dice, double height, int first) {
  return [=, begin = first, end = first + dice->Whole(10, 300), size = height](int i) mutable {
    if (i >= end) {
      begin = end + dice->Whole(50, 800);
      end = begin + dice->Whole(10, 300);
      size = height * dice->Between(0.5, 1);
    }
    return i >= begin ? size : 0.0;
  };
}

// The longest sequence so far. Bounded: lengths are even up to a bound; else their tail is
// exponential, and the maximum of n of them is about log(n).
Part Records(Dice* dice, double height, bool bounded, double segment) {
  constexpr double kUsual = 10;  // log of a usual number of steps
  return [=, record = 0.0](int i) mutable {
    (void)i;
    const double draw = dice->Between(0, 1);
    record = std::max(record, bounded ? draw : -std::log(1 - draw) / kUsual);
    return Segments(height * record, segment);
  };
}

Part LinearRamp(double height, int from, int over) {
  return [=](int i) {
    return Segments(height * std::clamp((i - from) / static_cast<double>(over), 0.0, 1.0),
                    kSmallSegment);
  };
}

Part SaturatingRamp(double height, int from, double constant) {
  return [=](int i) {
    return i < from ? 0.0 : Segments(height * (1 - std::exp((from - i) / constant)), kSmallSegment);
  };
}

Part AnyRamp(Dice* dice, double height, int from) {
  if (dice->Chance(0.5)) return LinearRamp(height, from, dice->Whole(10, 200));
  return SaturatingRamp(height, from, dice->Scaled(5, 400));
}

Part Drift(Dice* dice, double height) {
  const double keep = std::exp(-1 / dice->Scaled(30, 500));
  const double push = height / 3 * std::sqrt(1 - keep * keep);
  return [=, level = 0.0](int) mutable {
    level = level * keep + push * dice->Normal();
    return std::clamp(level, -height, height);
  };
}

// What runs of any kind have.
void AddTraits(Dice* dice, double room, Run* run) {
  if (dice->Chance(0.4)) {
    const double noise = dice->Scaled(0.1, 20) * kMiB;
    run->Add(3 * noise, [=](int) { return noise * dice->Normal(); });
  }
  if (dice->Chance(0.4)) {
    const double height = dice->Scaled(0.005, 0.2) * room;
    run->Add(height, Tooth(dice, height, 3, 80));
  }
  if (dice->Chance(0.5)) {
    const double height = dice->Scaled(0.01, 0.2) * room;
    run->Add(height, Evaluation(dice, height, dice->Chance(0.5)));
  }
  if (dice->Chance(0.1)) {
    const double height = dice->Scaled(0.01, 0.1) * room;
    run->Add(height, Visits(dice, height, dice->Whole(20, 800)));
  }
  if (dice->Chance(0.15)) {
    const double height = dice->Scaled(0.01, 0.06) * room;
    run->Add(height, Records(dice, height, dice->Chance(0.5), kLargeSegment));
  }
  if (dice->Chance(0.6)) {
    const double height = dice->Scaled(0.05, 0.5) * room;
    const int length = dice->Whole(1, 60);
    run->Add(0,
             [=](int i) { return -height * std::max(0.0, 1.0 - static_cast<double>(i) / length); });
  }
}

// The times of the samples, and which are missing.
class Sampling {
 public:
  explicit Sampling(Dice* dice)
      : dice_(dice),
        seconds_(dice->Scaled(0.3, 10)),
        jitter_(dice->Chance(0.5) ? dice->Scaled(0.01, 0.3) : 0),
        missing_(dice->Chance(0.3) ? dice->Scaled(0.001, 0.1) : 0) {
    if (dice->Chance(0.1)) gap_at_ = dice->Whole(100, 3000), gap_ = dice->Whole(10, 400);
    if (dice->Chance(0.1)) {
      pause_at_ = dice->Whole(100, 3000);
      pause_ = dice->Whole(10, 400);
    }
  }

  // Of sample i; false: not sampled.
  bool Next(int i, double* time) {
    time_ += seconds_ * std::max(0.05, 1 + jitter_ * dice_->Normal());
    if (i == pause_at_) time_ += pause_ * seconds_;
    *time = time_;
    if (i >= gap_at_ && i < gap_at_ + gap_) return false;
    return !(missing_ > 0 && dice_->Chance(missing_));
  }

 private:
  Dice* dice_;
  double seconds_, jitter_, missing_;
  int gap_at_ = -1, gap_ = 0;      // the program goes on, nobody looks
  int pause_at_ = -1, pause_ = 0;  // both stand still
  double time_ = 0;
};

// Bytes leaked by sample `steps` after its beginning, told what fills the room.
struct Leak {
  std::string kind;
  double per_sample = 0;
  Part at;  // number of samples since it began
};

Leak RandomLeak(Dice* dice, double room) {
  Leak leak;
  const bool quick = dice->Chance(0.03);
  const double life = quick ? dice->Scaled(60, 300) : dice->Scaled(300, 20000);
  const double rate = room / life;
  leak.per_sample = rate;
  // A staircase of fewer steps than this is a few jumps.
  constexpr double kFewestStairs = 30;
  double segment = dice->Chance(0.5) ? kSmallSegment : kLargeSegment;
  if (room < kFewestStairs * segment) segment = kSmallSegment;
  switch (dice->Whole(0, 8)) {
    case 0:
      leak.kind = "any rate";
      leak.at = [=](int i) { return i * rate; };
      break;
    case 1:
      leak.kind = segment == kSmallSegment ? "staircase 2" : "staircase 20";
      leak.at = [=](int i) { return Segments(i * rate, segment); };
      break;
    case 2:
    case 3:
      leak.kind = "random stairs";
      leak.at = [=, sum = 0.0](int i) mutable {
        if (i > 0) sum += dice->Poisson(rate / segment) * segment;
        return sum;
      };
      break;
    case 4: {
      leak.kind = "evaluation leak";
      const int every = std::max(5, static_cast<int>(life / dice->Whole(15, 100)));
      const double each = every * rate;
      leak.at = [=](int i) { return i / every * each; };
      break;
    }
    case 5: {
      leak.kind = "drifting rate";
      const double end = dice->Between(0.7, 1.5);
      const double begin = 2 / (1 + end);
      const double bend = (end - 1) * begin / 2 / life;
      leak.at = [=](int i) {
        const double to = std::min<double>(i, life);
        const double after = i - to;
        return Segments(rate * (begin * to + bend * to * to + end * begin * after), kSmallSegment);
      };
      break;
    }
    case 6: {
      leak.kind = "plateaus first";
      const double cached = room * dice->Between(0.02, 0.3);
      leak.at = [=](int i) { return Segments(std::max(0.0, i * rate - cached), segment); };
      break;
    }
    case 7:
      leak.kind = "with records";
      leak.at = [=](int i) { return Segments(i * rate, segment); };
      break;
    default:
      leak.kind = "beside another";
      leak.at = [=](int i) { return Segments(i * rate, segment); };
  }
  if (quick) leak.kind = kQuickLeak;
  return leak;
}

}  // namespace

double Dice::Scaled(double low, double high) {
  return std::exp(Between(std::log(low), std::log(high)));
}
int Dice::Whole(int low, int high) {
  return low + std::min(high - low, static_cast<int>(Between(0, 1) * (high - low + 1)));
}
double Dice::Normal() {
  const double radius = std::sqrt(-2 * std::log(1 - Between(0, 1)));
  return radius * std::cos(2 * 3.14159265358979323846 * Between(0, 1));
}
int Dice::Poisson(double mean) {
  if (mean > 30)
    return std::max(0, static_cast<int>(std::lround(mean + std::sqrt(mean) * Normal())));
  const double end = std::exp(-mean);
  int count = 0;
  for (double product = Between(0, 1); product > end; product *= Between(0, 1)) ++count;
  return count;
}

size_t Series::Gone(double part) const {
  const double wanted = part * points.back().leaked;
  return static_cast<size_t>(std::find_if(points.begin(), points.end(),
                                          [=](const Point& p) { return p.leaked >= wanted; }) -
                             points.begin());
}

Series MakeLeak(Dice* dice) {
  Series series{.leaks = true};
  series.capacity = dice->Scaled(8, 180) * kGiB;
  const double room = series.capacity * dice->Between(0.1, 0.7);
  Run run;
  AddTraits(dice, room, &run);
  const double leak_room = std::max(room - run.above, 0.2 * room);
  Leak leak = RandomLeak(dice, leak_room);
  const bool quick = leak.kind == kQuickLeak;
  if (dice->Chance(0.1)) {
    // Half a MiB a step, sampled every so many steps that it is over within 20,000 samples.
    leak.kind = "slow leak";
    const double rate = 0.5 * kMiB * std::max(1.0, std::ceil(leak_room / (0.5 * kMiB * 20000)));
    leak.at = [=](int i) { return Segments(i * rate, kSmallSegment); };
  } else if (leak.kind == "with records") {
    const double height = dice->Scaled(0.05, 0.2) * leak_room;
    run.Add(height, Records(dice, height, dice->Chance(0.5), kLargeSegment));
  } else if (leak.kind == "beside another") {
    const double height = dice->Scaled(0.02, 0.2) * leak_room;
    run.Add(height, Visits(dice, height, dice->Whole(20, 800)));
  }
  int begin = dice->Chance(0.5) ? 0 : dice->Whole(50, 1500);
  const double base = series.capacity - room;
  double empty_until = -1;
  if (dice->Chance(0.06)) {
    leak.kind = "after restart";
    empty_until = dice->Whole(100, 1500);
    begin = static_cast<int>(empty_until) + dice->Whole(1, 300);
  }
  Sampling sampling(dice);
  for (int i = 0; i < 200000; ++i) {
    Point point;
    point.leaked = i > begin ? leak.at(i - begin) : 0;
    point.used = base + run.At(i) + point.leaked;
    // Another life before, about as large; then the process is gone for a few samples.
    if (i < empty_until) point.used = i > empty_until - 5 ? 0.02 * series.capacity : point.used;
    point.used = std::max(point.used, 0.0);
    const bool seen = sampling.Next(i, &point.time);
    const bool full = point.used >= series.capacity;
    if (seen || full) series.points.push_back(point);
    if (full) break;
  }
  series.kind = quick ? kQuickLeak : leak.kind;
  return series;
}

Series MakeOther(Dice* dice) {
  Series series;
  series.capacity = dice->Scaled(8, 180) * kGiB;
  const double room = series.capacity * dice->Between(0.1, 0.7);
  const double base = series.capacity - room;
  const int length = static_cast<int>(dice->Scaled(300, 12000));
  Run run;
  AddTraits(dice, room, &run);
  double down_from = -1;
  std::vector<int> starts;
  switch (dice->Whole(0, 13)) {
    case 0:
      series.kind = "steady";
      break;
    case 1:
      series.kind = "jumps";
      for (int n = dice->Whole(1, 4); n > 0; --n) {
        const double height = dice->Scaled(0.01, 0.12) * room;
        const int at = dice->Whole(0, length);
        run.Add(height, [=](int i) { return i >= at ? height : 0; });
      }
      break;
    case 2:
      series.kind = "evaluations";
      for (int n = dice->Whole(2, 3); n > 0; --n) {
        const double height = dice->Scaled(0.02, 0.2) * room;
        run.Add(height, Evaluation(dice, height, dice->Chance(0.5)));
      }
      break;
    case 3: {
      series.kind = "load ramp";
      const double height = dice->Scaled(0.02, 0.35) * room;
      run.Add(height, LinearRamp(height, dice->Whole(0, length / 2), dice->Whole(10, 200)));
      break;
    }
    case 4: {
      series.kind = "saturating ramp";
      const double height = dice->Scaled(0.02, 0.35) * room;
      run.Add(height, SaturatingRamp(height, dice->Whole(0, length / 2), dice->Scaled(5, 400)));
      break;
    }
    case 5:
      series.kind = "two ramps";
      for (int n = 0; n < 2; ++n) {
        const double height = dice->Scaled(0.02, 0.2) * room;
        run.Add(height, AnyRamp(dice, height, dice->Whole(0, length)));
      }
      break;
    case 6: {
      series.kind = "other process";
      const double height = dice->Scaled(0.02, 0.3) * room;
      run.Add(height, Visits(dice, height, dice->Whole(20, 400)));
      break;
    }
    case 7: {
      series.kind = "other builds up";
      const double height = dice->Scaled(0.02, 0.3) * room;
      const Part ramp = AnyRamp(dice, height, dice->Whole(20, length));
      const int leaves = dice->Chance(0.5) ? dice->Whole(50, length) : length;
      run.Add(height, [=](int i) { return i < leaves ? ramp(i) : 0; });
      break;
    }
    case 8: {
      series.kind = "bounded records";
      const double height = dice->Scaled(0.02, 0.35) * room;
      run.Add(height, Records(dice, height, true, kLargeSegment));
      break;
    }
    case 9: {
      series.kind = "log records";
      const double height = dice->Scaled(0.02, 0.35) * room;
      run.Add(height * 1.3, Records(dice, height, false, kSmallSegment));
      break;
    }
    case 10: {
      series.kind = "curriculum";
      const int stages = dice->Whole(3, 6);
      const double height = dice->Scaled(0.05, 0.35) * room;
      const int each = length / stages;
      run.Add(height,
              [=](int i) { return height * std::min(i / each, stages - 1) / (stages - 1); });
      break;
    }
    case 11: {
      series.kind = "restarts";
      down_from = 1;
      for (int n = dice->Whole(1, 4); n > 0; --n) starts.push_back(dice->Whole(50, length));
      std::sort(starts.begin(), starts.end());
      break;
    }
    case 12: {
      series.kind = "late garbage";
      const double height = dice->Scaled(0.01, 0.15) * room;
      run.Add(height, Tooth(dice, height, 200, 1500));
      break;
    }
    default: {
      series.kind = "drift";
      const double height = dice->Scaled(5, 200) * kMiB;
      run.Add(height, Drift(dice, height));
    }
  }
  Sampling sampling(dice);
  const int build_up = dice->Whole(1, 60);
  for (int i = 0; i < length; ++i) {
    Point point;
    point.used = base + run.At(i);
    if (down_from >= 0) {
      // Since a restart the process builds up again to what it was.
      const auto next = std::upper_bound(starts.begin(), starts.end(), i);
      if (next != starts.begin()) {
        const double since = i - *std::prev(next);
        point.used *= std::clamp(since / build_up, 0.02, 1.0);
      }
    }
    point.used = std::clamp(point.used, 0.0, series.capacity * 0.999);
    if (sampling.Next(i, &point.time)) series.points.push_back(point);
  }
  return series;
}

}  // namespace growth_bench
