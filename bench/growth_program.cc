// Series of used memory as a look once in a while at a running program would give them: the second
// generator, written without the first one's shapes. Time passes in samples, the program in steps
// of its own pace; what it holds is seen either as its tensors (up and down) or as what its caching
// allocator holds (up, and down only when it is emptied).
#include "growth_program.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace growth_bench {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kGiB = 1 << 30;

double RoundUp(double bytes, double segment) { return std::ceil(bytes / segment) * segment; }

// Student's t with few degrees of freedom, by chance far out; at most 30.
double HeavyTail(Dice* dice) {
  const double squares = std::pow(dice->Normal(), 2) + std::pow(dice->Normal(), 2);
  return std::clamp(dice->Normal() / std::sqrt(squares / 2 + 1e-3), -30.0, 30.0);
}
double LogNormal(Dice* dice, double sigma) { return std::exp(sigma * dice->Normal()); }
double Exponential(Dice* dice, double mean) { return -mean * std::log(1 - dice->Between(0, 1)); }

// What a program sees of the clock.
struct Now {
  int sample = 0;
  double step = 0;    // done so far
  double passed = 0;  // of them since the last sample
};

// Something that takes memory; `At` is asked once a sample.
class Taker {
 public:
  virtual ~Taker() = default;
  virtual double At(const Now& now) = 0;
};
using Takers = std::vector<std::unique_ptr<Taker>>;

// Builds up once and stays.
class Load : public Taker {
 public:
  Load(Dice* dice, double height, double from, double over)
      : height_(height), from_(from), over_(std::max(over, 1.0)), shape_(dice->Whole(0, 4)) {
    for (int n = dice->Whole(5, 40); n > 0; --n) pieces_.push_back(dice->Between(0, 1));
    std::sort(pieces_.begin(), pieces_.end());
  }
  double At(const Now& now) override {
    const double x = std::clamp((now.sample - from_) / over_, 0.0, 1.0);
    return height_ * Shape(x);
  }

 private:
  double Shape(double x) const {
    switch (shape_) {
      case 0:
        return x;
      case 1:
        return std::sqrt(x);
      case 2:
        return (1 - std::exp(-4 * x)) / (1 - std::exp(-4.0));
      case 3:
        return x * x * (3 - 2 * x);
      default: {  // one file after another
        const auto done = std::upper_bound(pieces_.begin(), pieces_.end(), x) - pieces_.begin();
        return x >= 1 ? 1 : static_cast<double>(done) / static_cast<double>(pieces_.size());
      }
    }
  }
  double height_, from_, over_;
  int shape_;
  std::vector<double> pieces_;
};

// The tensors of a step: up and down within it; more if its sequences are longer.
class Step : public Taker {
 public:
  Step(Dice* dice, double height, bool held)
      : dice_(dice),
        height_(height),
        held_(held),
        spread_(dice->Chance(0.5) ? dice->Scaled(0.02, 0.35) : 0),
        longest_(dice->Between(1.3, 3)),
        segment_(dice->Chance(0.5) ? 2 * kMiB : 20 * kMiB),
        cut_(dice->Chance(0.5)) {}
  double At(const Now& now) override {
    const int looks = std::clamp(static_cast<int>(now.passed), 1, 8);
    double length = 0;
    for (int i = 0; i < looks; ++i) {
      length = std::max(length, std::min(LogNormal(dice_, spread_), longest_));
    }
    if (cut_) length = std::min(length, 1.5);
    most_ = std::max(most_, length);
    if (held_) return RoundUp(height_ * most_ / longest_, segment_);
    const double at = now.passed > 0.5 ? dice_->Between(0, 1) : now.step - std::floor(now.step);
    return height_ * length / longest_ * (1 - std::fabs(2 * at - 1));
  }

 private:
  Dice* dice_;
  double height_;
  bool held_;
  double spread_, longest_, segment_;
  bool cut_;
  double most_ = 0;
};

// Evaluations at even or uneven times, of even or uneven size.
class Evaluations : public Taker {
 public:
  Evaluations(Dice* dice, double height, bool held)
      : dice_(dice),
        height_(height),
        held_(held),
        every_(dice->Scaled(40, 900)),
        length_(dice->Scaled(1, 60)),
        even_(dice->Chance(0.5)),
        spread_(dice->Chance(0.5) ? 0.4 : 0.0),
        next_(every_) {}
  double At(const Now& now) override {
    if (now.sample >= next_) {
      end_ = now.sample + length_ * (even_ ? 1 : LogNormal(dice_, 0.5));
      next_ = std::max(end_ + 2, next_ + (even_ ? every_ : Exponential(dice_, every_)));
      size_ = height_ * (spread_ > 0 ? dice_->Between(1 - spread_, 1) : 1);
      if (held_) kept_ = std::max(kept_, size_);
    }
    return now.sample < end_ ? std::max(size_, kept_) : kept_;
  }

 private:
  Dice* dice_;
  double height_;
  bool held_;
  double every_, length_;
  bool even_;
  double spread_, next_, end_ = -1, size_ = 0, kept_ = 0;
};

// Another program that comes, builds up, and goes.
class Guest : public Taker {
 public:
  Guest(Dice* dice, double height)
      : dice_(dice),
        height_(height),
        away_(dice->Scaled(50, 3000)),
        here_(dice->Scaled(5, 1500)),
        from_(Exponential(dice, away_)) {
    Enter();
  }
  double At(const Now& now) override {
    if (now.sample >= to_) {
      from_ = to_ + Exponential(dice_, away_) + 1;
      Enter();
    }
    if (now.sample < from_) return 0;
    return size_ * std::min(1.0, (now.sample - from_ + 1) / builds_);
  }

 private:
  void Enter() {
    to_ = from_ + Exponential(dice_, here_) + 2;
    size_ = height_ * dice_->Between(0.3, 1);
    builds_ = dice_->Scaled(1, 60);
  }
  Dice* dice_;
  double height_, away_, here_, from_, to_ = 0, size_ = 0, builds_ = 1;
};

class Jumps : public Taker {
 public:
  Jumps(Dice* dice, double height, int length) {
    const int count = dice->Whole(1, 6);
    const bool alike = dice->Chance(0.3);
    for (int n = 0; n < count; ++n) {
      jumps_.emplace_back(dice->Whole(1, length),
                          height / count * (alike ? 1 : dice->Between(0.2, 1)));
    }
  }
  double At(const Now& now) override {
    double sum = 0;
    for (const auto& [at, size] : jumps_) sum += now.sample >= at ? size : 0;
    return sum;
  }

 private:
  std::vector<std::pair<int, double>> jumps_;
};

class Noise : public Taker {
 public:
  Noise(Dice* dice, double size) : dice_(dice), size_(size), heavy_(dice->Chance(0.5)) {}
  double At(const Now&) override {
    return size_ * (heavy_ ? std::fabs(HeavyTail(dice_)) : dice_->Normal());
  }
  double most() const { return size_ * (heavy_ ? 30 : 4); }

 private:
  Dice* dice_;
  double size_;
  bool heavy_;
};

// Pieces between live blocks that no request fits: more with every odd size, ever more slowly.
class Fragments : public Taker {
 public:
  Fragments(Dice* dice, double height)
      : dice_(dice), height_(height), half_(dice->Scaled(20, 400)) {}
  double At(const Now& now) override {
    // The chance that no piece fits falls with the pieces there are.
    const double missing = 1 - held_ / height_;
    const double expected = height_ / half_ * std::max(missing, 0.0) * std::min(now.passed, 1.0);
    held_ += dice_->Poisson(expected / (20 * kMiB)) * 20 * kMiB;
    return held_ = std::min(held_, height_);
  }

 private:
  Dice* dice_;
  double height_, half_, held_ = 0;
};

// Grows until somebody collects it: a cache with a limit, garbage with cycles.
class Collected : public Taker {
 public:
  Collected(Dice* dice, double height)
      : dice_(dice), height_(height), over_(dice->Scaled(20, 1200)) {}
  double At(const Now&) override {
    held_ += top_ / over_ * LogNormal(dice_, 0.3);
    if (held_ >= top_) held_ = 0, top_ = height_ * dice_->Between(0.6, 1);
    return RoundUp(held_, 2 * kMiB);
  }

 private:
  Dice* dice_;
  double height_, over_, held_ = 0, top_ = height_;
};

class Clock {
 public:
  explicit Clock(Dice* dice)
      : dice_(dice),
        beat_(dice->Chance(0.6) ? 1.0 : dice->Scaled(0.2, 30)),
        uneven_(dice->Whole(0, 2)),
        missing_(dice->Chance(0.3) ? dice->Scaled(0.002, 0.3) : 0),
        step_seconds_(beat_ * dice->Scaled(0.1, 8)),
        step_spread_(dice->Between(0, 0.4)) {}
  // One more sample; false: it is missing.
  bool Tick() {
    double passed = beat_;
    if (uneven_ == 1) passed *= dice_->Between(0.7, 1.3);
    if (uneven_ == 2) passed *= 0.3 + Exponential(dice_, 0.7);
    time_ += passed;
    now_.passed = passed / step_seconds_ * LogNormal(dice_, step_spread_);
    now_.step += now_.passed;
    ++now_.sample;
    return !(missing_ > 0 && dice_->Chance(missing_));
  }
  const Now& now() const { return now_; }
  double time() const { return time_; }

 private:
  Dice* dice_;
  double beat_;
  int uneven_;
  double missing_, step_seconds_, step_spread_;
  Now now_;
  double time_ = 0;
};

struct Program {
  Takers takers;
  double above = 0;  // what they may reach together

  template <typename T>
  void Add(double height, std::unique_ptr<T> taker) {
    above += height;
    takers.push_back(std::move(taker));
  }
  double At(const Now& now) {
    double sum = 0;
    for (const auto& taker : takers) sum += taker->At(now);
    return sum;
  }
};

// What programs of both sorts do.
void AddHabits(Dice* dice, double room, bool held, Program* program) {
  if (dice->Chance(0.8)) {
    const double height = dice->Scaled(0.01, 0.3) * room;
    program->Add(height, std::make_unique<Step>(dice, height, held));
  }
  if (dice->Chance(0.5)) {
    const double height = dice->Scaled(0.01, 0.2) * room;
    program->Add(height, std::make_unique<Evaluations>(dice, height, held && dice->Chance(0.7)));
  }
  if (dice->Chance(0.3)) {
    auto noise = std::make_unique<Noise>(dice, dice->Scaled(0.05, 12) * kMiB);
    const double most = noise->most();
    program->Add(most, std::move(noise));
  }
  if (dice->Chance(0.15)) {
    const double height = dice->Scaled(0.01, 0.12) * room;
    program->Add(height, std::make_unique<Guest>(dice, height));
  }
}

// Bytes leaked, asked once a sample after it has begun.
class Leak {
 public:
  Leak(Dice* dice, double room, double life)
      : dice_(dice), rate_(room / life), life_(life), form_(dice->Whole(0, 5)) {
    switch (dice->Whole(0, 2)) {
      case 0:
        segment_ = 0;
        break;
      case 1:
        segment_ = 2 * kMiB;
        break;
      default:
        segment_ = 20 * kMiB;
    }
    if (room < 40 * segment_) segment_ = 0;
    events_ = dice->Scaled(40, 400);
    every_ = life / dice->Scaled(25, 200);
    next_ = every_;
    wave_ = life / dice->Between(2, 12);
    if (dice->Chance(0.2)) hidden_ = room * dice->Between(0.01, 0.2);
  }
  std::string kind() const {
    constexpr const char* kKinds[] = {"every step",       "some steps", "evaluations leak",
                                      "blocks by chance", "in waves",   "every step"};
    return std::string(hidden_ > 0 ? "cache first" : kKinds[form_]);
  }
  double At(const Now& now) {
    ++age_;
    const double share = std::min(now.passed, 3.0) / std::max(usual_, 1e-9);
    usual_ += (now.passed - usual_) / std::min(age_, 50.0);
    switch (form_) {
      case 1:  // one step in five
        if (dice_->Chance(0.2)) leaked_ += 5 * rate_;
        break;
      case 2:
        if (age_ >= next_) leaked_ += rate_ * every_, next_ += every_ * dice_->Between(0.7, 1.3);
        break;
      case 3:
        if (dice_->Chance(events_ / life_)) {
          leaked_ += rate_ * life_ / events_ * Exponential(dice_, 1);
        }
        break;
      case 4:
        leaked_ += rate_ * (1 + 0.7 * std::sin(6.283 * age_ / wave_));
        break;
      default:
        leaked_ += age_ > 1 ? rate_ * share : rate_;
    }
    const double shown = std::max(0.0, leaked_ - hidden_);
    return segment_ > 0 ? RoundUp(shown, segment_) : shown;
  }

 private:
  Dice* dice_;
  double rate_, life_;
  int form_;
  double segment_ = 0, events_ = 0, every_ = 0, next_ = 0, wave_ = 0, hidden_ = 0;
  double leaked_ = 0, age_ = 0, usual_ = 1;
};

struct Card {
  double capacity = 0, room = 0, base = 0;
};
Card AnyCard(Dice* dice) {
  Card card{.capacity = dice->Scaled(6, 180) * kGiB};
  card.room = card.capacity * dice->Between(0.1, 0.85);
  card.base = card.capacity - card.room;
  return card;
}

// The program's own start, from an empty card.
std::unique_ptr<Load> Start(Dice* dice, const Card& card, int longest) {
  return std::make_unique<Load>(dice, card.base * 0.97, dice->Whole(0, 5),
                                dice->Scaled(1, longest));
}

}  // namespace

Series MakeLeakingProgram(Dice* dice) {
  Series series{.leaks = true};
  const Card card = AnyCard(dice);
  series.capacity = card.capacity;
  const bool held = dice->Chance(0.5);
  Program program;
  AddHabits(dice, card.room, held, &program);
  const double room = std::max(card.room - program.above, 0.15 * card.room);
  Leak leak(dice, room, dice->Scaled(400, 30000));
  if (dice->Chance(0.2)) {
    const double height = dice->Scaled(0.02, 0.1) * room;
    program.Add(height, std::make_unique<Jumps>(dice, height, 5000));
  }
  const auto start = Start(dice, card, 100);
  const int begin = dice->Chance(0.4) ? dice->Whole(100, 6000) : dice->Whole(0, 120);
  series.kind = leak.kind();
  if (begin > 120) series.kind += ", late";
  Clock clock(dice);
  double leaked = 0;
  for (int i = 0; i < 200000; ++i) {
    const bool seen = clock.Tick();
    if (i >= begin) leaked = leak.At(clock.now());
    const double used =
        0.03 * card.base + start->At(clock.now()) + program.At(clock.now()) + leaked;
    if (!seen && used < card.capacity) continue;
    series.points.push_back({clock.time(), std::min(used, card.capacity), leaked});
    if (used >= card.capacity) break;
  }
  return series;
}

Series MakeSoundProgram(Dice* dice) {
  Series series;
  const Card card = AnyCard(dice);
  series.capacity = card.capacity;
  const double room = card.room;
  const int length = static_cast<int>(dice->Scaled(300, 20000));
  const bool held = dice->Chance(0.5);
  Program program;
  AddHabits(dice, room, held, &program);
  auto start = Start(dice, card, 100);
  switch (dice->Whole(0, 8)) {
    case 0:
      series.kind = "slow start";
      start = Start(dice, card, 500);
      break;
    case 1: {
      series.kind = "long load";
      const double height = dice->Scaled(0.02, 0.45) * room;
      program.Add(height, std::make_unique<Load>(dice, height, dice->Whole(0, length / 2),
                                                 dice->Scaled(20, 500)));
      break;
    }
    case 2: {
      series.kind = "several loads";
      for (int n = dice->Whole(2, 4); n > 0; --n) {
        const double height = dice->Scaled(0.02, 0.15) * room;
        program.Add(height, std::make_unique<Load>(dice, height, dice->Whole(0, length),
                                                   dice->Scaled(5, 200)));
      }
      break;
    }
    case 3: {
      series.kind = "jumps";
      const double height = dice->Scaled(0.05, 0.45) * room;
      program.Add(height, std::make_unique<Jumps>(dice, height, length));
      break;
    }
    case 4: {
      series.kind = "fragments";
      const double height = dice->Scaled(0.02, 0.35) * room;
      program.Add(height, std::make_unique<Fragments>(dice, height));
      break;
    }
    case 5: {
      series.kind = "collected";
      const double height = dice->Scaled(0.02, 0.4) * room;
      program.Add(height, std::make_unique<Collected>(dice, height));
      break;
    }
    case 6: {
      series.kind = "guests";
      for (int n = dice->Whole(1, 3); n > 0; --n) {
        const double height = dice->Scaled(0.02, 0.15) * room;
        program.Add(height, std::make_unique<Guest>(dice, height));
      }
      break;
    }
    case 7: {
      series.kind = "evaluations";
      for (int n = dice->Whole(2, 4); n > 0; --n) {
        const double height = dice->Scaled(0.02, 0.12) * room;
        program.Add(height, std::make_unique<Evaluations>(dice, height, held));
      }
      break;
    }
    default:
      series.kind = "nothing else";
  }
  series.capacity = std::max(card.capacity, card.base + 1.05 * program.above);
  Clock clock(dice);
  for (int i = 0; i < length; ++i) {
    const bool seen = clock.Tick();
    const double used = 0.03 * card.base + start->At(clock.now()) + program.At(clock.now());
    if (seen) {
      series.points.push_back({clock.time(), std::clamp(used, 0.0, 0.999 * series.capacity), 0});
    }
  }
  return series;
}

}  // namespace growth_bench
