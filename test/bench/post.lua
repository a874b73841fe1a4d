-- post.lua - wrk: POSTs 1 KB NinjaOne activities, each with an id of its own. Environment: HOOK_PATH, HOOK_HEADER, HOOK_SECRET.
local id = math.floor(tonumber(os.getenv("FIRST_ID") or "1"))
local path, header, secret = os.getenv("HOOK_PATH") or "/", os.getenv("HOOK_HEADER") or "X-Secret", os.getenv("HOOK_SECRET") or "x"
local headers = { ["Content-Type"] = "application/json", [header] = secret }
local body = '{"id":%d,"activityTime":1760001234.556,"deviceId":4711,"seriesUid":"0f0e4d9c-3b86-4a55-9b0e-%012d","activityType":"CONDITION",'
  .. '"statusCode":"TRIGGERED","status":"Triggered","sourceConfigUid":"205b0000-0000-4123-834f-000000000001","sourceName":"_average_",'
  .. '"subject":"","message":"Memory at or above 90%% during 10 minutes","type":"Condition","data":{"message":{"code":"vmm_cond_memory_usage_ge",'
  .. '"params":{"duration":10,"threshold":90,"unit":"%%","value":93.4,"padding":"' .. string.rep("x", 500) .. '"}}}}'

function request()
  id = id + 1
  return wrk.format("POST", path, headers, string.format(body, id, id))
end
