#include "growth_rivals.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>

namespace growth_bench {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kMB = 1e6;

class TraceMl : public Rule {
 public:
  std::string_view name() const override { return "TraceML"; }
  void Begin(double) override { sums_.assign(1, 0.0); }
  std::optional<Alarm> Add(double, double used) override {
    sums_.push_back(sums_.back() + used);
    constexpr size_t kHistory = 10000, kFewest = 50;
    const size_t n = std::min(sums_.size() - 1, kHistory);
    if (n < kFewest) return std::nullopt;
    const double early = Band(n, 0.15, 0.25);
    const double middle = Band(n, 0.45, 0.55);
    const double recent = Band(n, 0.90, 1.00);
    const bool rises = recent > middle && middle > early;
    if (rises && recent - early >= 1024 * kMiB) return Alarm{};
    return std::nullopt;
  }

 private:
  double Band(size_t n, double from, double to) const {
    const size_t first = sums_.size() - 1 - n;
    const auto begin = first + static_cast<size_t>(std::floor(static_cast<double>(n) * from));
    const auto end = first + static_cast<size_t>(std::ceil(static_cast<double>(n) * to));
    return (sums_[end] - sums_[begin]) / static_cast<double>(end - begin);
  }
  std::vector<double> sums_;
};

class Vramtop : public Rule {
 public:
  std::string_view name() const override { return "vramtop"; }
  void Begin(double capacity) override { *this = Vramtop(), capacity_ = capacity; }
  std::optional<Alarm> Add(double time, double used) override {
    if (last_time_) {
      rates_.push_back((used - last_used_) / kMB / std::max(time - *last_time_, 1e-3));
      if (rates_.size() > 5) rates_.pop_front();
    }
    last_time_ = time, last_used_ = used;
    if (!Grows()) {
      sustained_ = 0;
      return std::nullopt;
    }
    const double rate = Median();
    least_ = sustained_ == 0 ? rate : std::min(least_, rate);
    most_ = sustained_ == 0 ? rate : std::max(most_, rate);
    ++sustained_;
    constexpr int kSustained = 10;
    constexpr double kHour = 3600;
    if (sustained_ < kSustained || used < capacity_ / 2) return std::nullopt;
    const double free = (capacity_ - used) / kMB;
    if (free / most_ > kHour) return std::nullopt;
    return Alarm{.low = free / most_, .high = std::min(free / least_, kHour)};
  }

 private:
  static constexpr double kLeastRate = 1;  // MB/s
  double Median() const {
    std::vector<double> sorted(rates_.begin(), rates_.end());
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
  bool Grows() const {
    if (rates_.size() < 3) return false;
    const auto above =
        std::count_if(rates_.begin(), rates_.end(), [](double rate) { return rate > kLeastRate; });
    return static_cast<double>(above) >= 0.6 * static_cast<double>(rates_.size()) &&
           Median() > kLeastRate;
  }
  double capacity_ = 0;
  std::deque<double> rates_;
  std::optional<double> last_time_;
  double last_used_ = 0, least_ = 0, most_ = 0;
  int sustained_ = 0;
};

// The minima of equal stretches of a series, in bounded memory: neighbours are merged when full.
class Minima {
 public:
  struct Stretch {
    double time, least;
  };
  explicit Minima(size_t most) : most_(most) {}
  // True: a stretch is complete.
  bool Add(double time, double used) {
    open_ = filled_ == 0 ? used : std::min(open_, used);
    peak_ = std::max(peak_, used);
    if (++filled_ < length_) return false;
    stretches_.push_back({time, open_});
    filled_ = 0;
    if (stretches_.size() == most_) {
      for (size_t i = 0; i < most_ / 2; ++i) {
        stretches_[i] = {stretches_[2 * i + 1].time,
                         std::min(stretches_[2 * i].least, stretches_[2 * i + 1].least)};
      }
      stretches_.resize(most_ / 2);
      length_ *= 2;
    }
    return true;
  }
  const std::vector<Stretch>& stretches() const { return stretches_; }
  double peak() const { return peak_; }

 private:
  size_t most_;
  std::vector<Stretch> stretches_;
  double open_ = 0, peak_ = 0;
  int length_ = 1, filled_ = 0;
};

class TrendTest : public Rule {
 public:
  std::string_view name() const override { return "trend test"; }
  void Begin(double capacity) override { minima_ = Minima(64), capacity_ = capacity; }
  std::optional<Alarm> Add(double time, double used) override {
    if (!minima_.Add(time, used)) return std::nullopt;
    const auto& all = minima_.stretches();
    constexpr size_t kFewest = 24;
    for (size_t start = 0; start + kFewest <= all.size(); start += 8) {
      const std::vector<Minima::Stretch> part(all.begin() + static_cast<ptrdiff_t>(start),
                                              all.end());
      if (const auto slope = Trend(part); slope && !Saturates(part)) {
        const double grown = *slope * (part.back().time - part.front().time);
        const double room = capacity_ - std::max(minima_.peak(), used);
        if (grown > 0.4 * (grown + room)) {
          return Alarm{.low = room / *slope / 1.5, .high = room / *slope * 1.5};
        }
      }
    }
    return std::nullopt;
  }

 private:
  // Theil and Sen's slope where Mann and Kendall find one.
  static std::optional<double> Trend(const std::vector<Minima::Stretch>& part) {
    std::vector<double> slopes;
    double score = 0;
    for (size_t i = 0; i < part.size(); ++i) {
      for (size_t j = i + 1; j < part.size(); ++j) {
        const double rise = part[j].least - part[i].least;
        score += rise > 0 ? 1 : rise < 0 ? -1 : 0;
        slopes.push_back(rise / (part[j].time - part[i].time));
      }
    }
    const auto n = static_cast<double>(part.size());
    if (score / std::sqrt(n * (n - 1) * (2 * n + 5) / 18) < 4) return std::nullopt;
    const auto middle = slopes.begin() + static_cast<ptrdiff_t>(slopes.size() / 2);
    std::nth_element(slopes.begin(), middle, slopes.end());
    if (*middle <= 0) return std::nullopt;
    return *middle;
  }
  // Squared residuals of the best line over what `x` makes of the time.
  template <typename X>
  static double Residuals(const std::vector<Minima::Stretch>& part, const X& x) {
    double sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
    const double origin = part.front().least;
    for (const Minima::Stretch& stretch : part) {
      const double u = x(stretch.time), y = stretch.least - origin;
      sx += u, sy += y, sxx += u * u, sxy += u * y, syy += y * y;
    }
    const auto n = static_cast<double>(part.size());
    const double vx = sxx - sx * sx / n, vy = syy - sy * sy / n, cov = sxy - sx * sy / n;
    return std::max(vy - (vx > 0 ? cov * cov / vx : 0), 1.0);
  }
  static bool Saturates(const std::vector<Minima::Stretch>& part) {
    const double begin = part.front().time, length = part.back().time - begin;
    const double line = Residuals(part, [](double time) { return time; });
    double curve = line;
    for (double constant = length / 16; constant <= length; constant *= 1.5) {
      curve = std::min(curve, Residuals(part, [&](double time) {
                         return 1 - std::exp((begin - time) / constant);
                       }));
    }
    const auto n = static_cast<double>(part.size());
    return n * std::log(curve / n) + std::log(n) < n * std::log(line / n);
  }
  Minima minima_{64};
  double capacity_ = 0;
};

class BettingTest : public Rule {
 public:
  std::string_view name() const override { return "betting test"; }
  void Begin(double capacity) override { *this = BettingTest(), capacity_ = capacity; }
  std::optional<Alarm> Add(double time, double used) override {
    constexpr int kStretch = 16;
    constexpr double kStake = 0.5, kWinnings = 200;
    least_ = filled_ == 0 ? used : std::min(least_, used);
    peak_ = std::max(peak_, used);
    if (++filled_ < kStretch) return std::nullopt;
    filled_ = 0;
    if (before_ && least_ != *before_) {
      winnings_ *= least_ > *before_ ? 1 + kStake : 1 - kStake;
      if (winnings_ <= 1) winnings_ = 1, begin_ = {time, least_};
    }
    if (!before_) begin_ = {time, least_};
    before_ = least_;
    const double grown = least_ - begin_.level, room = capacity_ - peak_;
    if (winnings_ < kWinnings || grown < 0.4 * (grown + room)) return std::nullopt;
    const double left = room / grown * (time - begin_.time);
    return Alarm{.low = left / 1.5, .high = left * 1.5};
  }

 private:
  struct Begin {
    double time = 0, level = 0;
  };
  double capacity_ = 0, least_ = 0, peak_ = 0, winnings_ = 1;
  int filled_ = 0;
  std::optional<double> before_;
  struct Begin begin_;
};

}  // namespace

std::unique_ptr<Rule> MakeTraceMl() { return std::make_unique<TraceMl>(); }
std::unique_ptr<Rule> MakeVramtop() { return std::make_unique<Vramtop>(); }
std::unique_ptr<Rule> MakeTrendTest() { return std::make_unique<TrendTest>(); }
std::unique_ptr<Rule> MakeBettingTest() { return std::make_unique<BettingTest>(); }

}  // namespace growth_bench
