// The functions of _pointwise.py, each in one pass over memory. Same names, same order of arguments.
//
// Every function takes sizes, views and a number. Rows run over threads; a row stays in the nearest
// cache, so reading it twice costs nothing. Reductions are in float, each value is rounded once.

#include <algorithm>
#include <cstdint>
#include <cmath>
#include <cstring>

namespace {

struct View {
    void* data;
    int64_t stride[3];  // in elements, of all axes but the last, which is contiguous
};

struct bfloat16 {
    uint16_t bits;
};

inline float load(float x) { return x; }

inline float load(bfloat16 x) {
    uint32_t bits = uint32_t(x.bits) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

inline void store(float& to, float value) { to = value; }

inline void store(bfloat16& to, float value) {  // to nearest, ties to even; NaN stays NaN
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    to.bits = (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : uint16_t(rounded);
}

template <class T>
inline T* at(const View& view, int64_t i, int64_t j = 0, int64_t k = 0) {
    return static_cast<T*>(view.data) + i * view.stride[0] + j * view.stride[1] + k * view.stride[2];
}

// exp by 2^n * 2^f, f in [-1/2, 1/2]: Taylor's polynomial of degree 7 in f ln 2, error below 1e-7.
// The loops around it become vectors, which calls of the library's expf would prevent.
inline float exponential(float x) {
    x = std::min(std::max(x, -87.0f), 88.0f);
    float whole = std::floor(x * 1.44269504f + 0.5f);
    float f = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * f + 1.0f / 720;
    p = p * f + 1.0f / 120;
    p = p * f + 1.0f / 24;
    p = p * f + 1.0f / 6;
    p = p * f + 0.5f;
    p = p * f + 1.0f;
    p = p * f + 1.0f;
    uint32_t bits = uint32_t(int32_t(whole) + 127) << 23;
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

// sizes: tokens, heads, width. views: x, weight, rate, out. number: epsilon
template <class T>
void norm(const int64_t* size, const View* v, double epsilon) {
    const float* weight = at<float>(v[1], 0);
    const int64_t width = size[2];
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t n = 0; n < size[0]; n++)
        for (int64_t h = 0; h < size[1]; h++) {
            const T* x = at<T>(v[0], n, h);
            T* out = at<T>(v[3], n, h);
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < width; i++) sum += load(x[i]) * load(x[i]);
            const float rate = 1.0f / std::sqrt(sum / width + float(epsilon));
            *at<float>(v[2], n, h) = rate;
#pragma omp simd
            for (int64_t i = 0; i < width; i++) store(out[i], load(x[i]) * rate * weight[i]);
        }
}

// views: upstream, x, rate, weight, residual, normed, out
template <class T>
void norm_backward(const int64_t* size, const View* v, double) {
    const float* weight = at<float>(v[3], 0);
    const int64_t width = size[2];
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t n = 0; n < size[0]; n++)
        for (int64_t h = 0; h < size[1]; h++) {
            const T *upstream = at<T>(v[0], n, h), *x = at<T>(v[1], n, h);
            const T* residual = at<T>(v[4], n, h);
            T *normed = at<T>(v[5], n, h), *out = at<T>(v[6], n, h);
            const float rate = *at<float>(v[2], n, h);
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < width; i++)
                sum += load(upstream[i]) * weight[i] * (load(x[i]) * rate);
            const float slope = sum / width;
#pragma omp simd
            for (int64_t i = 0; i < width; i++) {
                const float unit = load(x[i]) * rate;
                const float scaled = load(upstream[i]) * weight[i];
                const float before = load(residual[i]);
                store(normed[i], unit * weight[i]);
                store(out[i], before + (scaled - unit * slope) * rate);
            }
        }
}

// views: x, rate, weight, out
template <class T>
void renorm(const int64_t* size, const View* v, double) {
    const float* weight = at<float>(v[2], 0);
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < size[0]; n++) {
        const T* x = at<T>(v[0], n);
        T* out = at<T>(v[3], n);
        const float rate = *at<float>(v[1], n);
#pragma omp simd
        for (int64_t i = 0; i < size[1]; i++) store(out[i], load(x[i]) * rate * weight[i]);
    }
}

// sizes: tokens, width. views: gate, up, out
template <class T>
void swiglu(const int64_t* size, const View* v, double) {
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < size[0]; n++) {
        const T *gates = at<T>(v[0], n), *up = at<T>(v[1], n);
        T* out = at<T>(v[2], n);
#pragma omp simd
        for (int64_t i = 0; i < size[1]; i++) {
            const float gate = load(gates[i]);
            store(out[i], gate * sigmoid(gate) * load(up[i]));
        }
    }
}

// views: upstream, gate, up, again, d_gate, d_up
template <class T>
void swiglu_backward(const int64_t* size, const View* v, double) {
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < size[0]; n++) {
        const T *upstreams = at<T>(v[0], n), *gates = at<T>(v[1], n), *ups = at<T>(v[2], n);
        T *again = at<T>(v[3], n), *d_gate = at<T>(v[4], n), *d_up = at<T>(v[5], n);
#pragma omp simd
        for (int64_t i = 0; i < size[1]; i++) {
            const float upstream = load(upstreams[i]), gate = load(gates[i]), up = load(ups[i]);
            const float share = sigmoid(gate), silu = gate * share;
            store(again[i], silu * up);
            store(d_gate[i], upstream * up * (share + silu * (1 - share)));
            store(d_up[i], upstream * silu);
        }
    }
}

template <class T>
inline void turn(const T* x, const float* cos, const float* sin, float sign, float scale,
                 int64_t half, T* out) {
#pragma omp simd
    for (int64_t i = 0; i < half; i++) {
        const float first = load(x[i]), second = load(x[half + i]);
        store(out[i], (first * cos[i] - second * sin[i] * sign) * scale);
        store(out[half + i], (second * cos[i] + first * sin[i] * sign) * scale);
    }
}

// sizes: tokens, key heads, queries per key head, head width.
// views: qkv (N, H, E), cos, sin, q (K, N, G, E), k (K, N, E), v (K, N, E). number: scale of q
template <class T>
void rotate(const int64_t* size, const View* v, double scale) {
    const int64_t heads = size[1], groups = size[2], width = size[3];
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < size[0]; n++) {
        const float *cos = at<float>(v[1], n), *sin = at<float>(v[2], n);
        for (int64_t k = 0; k < heads; k++) {
            for (int64_t g = 0; g < groups; g++)
                turn(at<T>(v[0], n, k * groups + g), cos, sin, 1, float(scale), width / 2,
                     at<T>(v[3], k, n, g));
            turn(at<T>(v[0], n, heads * groups + k), cos, sin, 1, 1, width / 2, at<T>(v[4], k, n));
            std::copy_n(at<T>(v[0], n, heads * (groups + 1) + k), width, at<T>(v[5], k, n));
        }
    }
}

// views: dq (K, N, G, E), dk (K, N, E), dv (K, N, E), cos, sin, q (N, K, G, E), k (N, K, E), v
template <class T>
void rotate_backward(const int64_t* size, const View* v, double scale) {
    const int64_t heads = size[1], groups = size[2], width = size[3];
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < size[0]; n++) {
        const float *cos = at<float>(v[3], n), *sin = at<float>(v[4], n);
        for (int64_t k = 0; k < heads; k++) {
            for (int64_t g = 0; g < groups; g++)
                turn(at<T>(v[0], k, n, g), cos, sin, -1, float(scale), width / 2,
                     at<T>(v[5], n, k, g));
            turn(at<T>(v[1], k, n), cos, sin, -1, 1, width / 2, at<T>(v[6], n, k));
            std::copy_n(at<T>(v[2], k, n), width, at<T>(v[7], n, k));
        }
    }
}

}  // namespace

#define EXPORT(name)                                                                         \
    extern "C" void luthier_##name(int is_short, const int64_t* size, const View* v, double s) { \
        is_short ? name<bfloat16>(size, v, s) : name<float>(size, v, s);                      \
    }

EXPORT(norm)
EXPORT(norm_backward)
EXPORT(renorm)
EXPORT(swiglu)
EXPORT(swiglu_backward)
EXPORT(rotate)
EXPORT(rotate_backward)
